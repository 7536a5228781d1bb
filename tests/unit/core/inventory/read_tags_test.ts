import assert from "node:assert/strict";
import { test } from "node:test";

import type { HttpResponse } from "../../../../core/http/exchange.ts";
import { ListedManifests } from "../../../../core/inventory/listed_manifests.ts";
import { readTags } from "../../../../core/inventory/read_tags.ts";
import { isUnread, type TagRow } from "../../../../core/inventory/tag_facts.ts";
import { parseRepository } from "../../../../core/reference/repository.ts";
import { type Content, serve } from "../../../contract/oci_content.ts";
import { daysAgo, makeImage } from "../../../contract/plan_script.ts";

const IMAGES = ["a", "b", "c"].map((name) => makeImage(name, daysAgo(1)));

/** Docker Hub, with so many GET requests for manifests left; gives what it was asked. */
async function readFromHub(tags: Readonly<Record<string, Content>>, remaining: number) {
  const requests: string[] = [];
  const content = new Map<string, Content>();
  for (const image of IMAGES) for (const one of [image, image.config]) content.set(one.digest, one);
  const rows: (TagRow | undefined)[] = [];
  let failure: unknown;
  const send = ({ method, url }: { readonly method: string; readonly url: URL }) => {
    const name = url.pathname.split("/").at(-1) ?? "";
    requests.push(`${method} ${name.replace(/^sha256:.*/, "digest")}`);
    const found = tags[name] ?? content.get(name);
    assert.ok(found, name);
    const headers = new Headers({
      ...(serve(found).headers as Record<string, string>),
      "content-length": String(found.size),
      "ratelimit-remaining": `${remaining};w=21600`,
    });
    const body = method === "HEAD" ? new Uint8Array() : found.bytes;
    return Promise.resolve({ status: 200, headers, url, body } satisfies HttpResponse);
  };
  try {
    await readTags(
      { baseUrl: new URL("https://registry-1.docker.io"), send },
      parseRepository("app"),
      Object.keys(tags),
      {
        concurrency: 1,
        listed: new ListedManifests(),
        wants: new Set(["created", "size"]),
        now: Date.now(),
        onRow: (place, row) => void (rows[place] = row),
      },
    );
  } catch (error) {
    failure = error;
  }
  return { requests, rows, failure };
}

test("Docker Hub is asked by HEAD for all tags first, and then once for each manifest", async () => {
  const [a, b, c] = IMAGES;
  assert.ok(a && b && c);
  const { requests, rows, failure } = await readFromHub({ 1: a, 2: a, 3: b, latest: a }, 2);
  assert.equal(failure, undefined);
  assert.deepEqual(requests, [
    ...["HEAD 1", "HEAD 2", "HEAD 3", "HEAD latest"],
    // Two manifests and two configurations.
    ...["GET digest", "GET digest", "GET digest", "GET digest"],
  ]);
  assert.ok(rows.every((row) => row && !isUnread(row) && row.size === 14));
  assert.equal(rows.length, 4);
});

test("Docker Hub is not asked for what it would not give", async () => {
  const [a, b, c] = IMAGES;
  assert.ok(a && b && c);
  const { requests, rows, failure } = await readFromHub({ 1: a, 2: b, 3: c }, 2);
  assert.deepEqual(requests, ["HEAD 1", "HEAD 2", "HEAD 3"]);
  assert.deepEqual(rows, []);
  assert.match(String(failure), /manifests to get: 3; the registry has 2 GET requests left/);
});
