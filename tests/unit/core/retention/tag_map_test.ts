import assert from "node:assert/strict";
import { test } from "node:test";
import { OCI_MANIFEST } from "../../../../core/oci/media_types.ts";
import { parseRepository } from "../../../../core/reference/repository.ts";
import type { RegistryClient } from "../../../../core/registry/client.ts";
import { TagMap } from "../../../../core/retention/tag_map.ts";
import { createResponse } from "../../../support/fake_exchange.ts";

const REPOSITORY = parseRepository("r.example/app");
const toDigest = (number: number) => `sha256:${number.toString(16).padStart(64, "0")}`;

/** A registry where the tag `t12` points to what this gives for 12; to nothing where it gives none. */
function createClient(digestOf: (number: number) => string | undefined): RegistryClient {
  return {
    baseUrl: new URL("https://r.example"),
    send: ({ url }) => {
      const digest = digestOf(Number(/\/t(\d+)$/.exec(url.pathname)?.[1]));
      return Promise.resolve(
        digest === undefined ? createResponse(404) : createResponse(200, {
          ...{ "content-type": OCI_MANIFEST, "content-length": "2" },
          "docker-content-digest": digest,
        }),
      );
    },
  };
}

test("TagMap: the tags of a digest are sorted, and those that are gone are left out", async () => {
  const client = createClient((i) => i === 3 ? undefined : toDigest(i % 2));
  const tags = ["t5", "t10", "t3", "t2", "t1", "no tag", "../x"];
  const map = await TagMap.read(client, REPOSITORY, tags, 4);
  assert.deepEqual(map.tagsOf(toDigest(0)), ["t10", "t2"]);
  assert.deepEqual(map.tagsOf(toDigest(1)), ["t1", "t5"]);
  assert.deepEqual(map.tagsOf(toDigest(2)), []);
  assert.deepEqual([map.digestOf("t2"), map.digestOf("t3")], [toDigest(0), undefined]);
});

test("TagMap: 20,000 tags of as many digests, and of one, take linear time", async () => {
  const tags = Array.from({ length: 20_000 }, (_, i) => `t${i}`);
  const all = await TagMap.read(createClient(toDigest), REPOSITORY, tags, 8);
  tags.forEach((tag, i) => assert.deepEqual(all.tagsOf(toDigest(i)), [tag]));
  const one = await TagMap.read(createClient(() => toDigest(1)), REPOSITORY, tags, 8);
  for (const tag of tags) assert.equal(one.tagsOf(one.digestOf(tag) ?? "").length, tags.length);
});
