import assert from "node:assert/strict";
import { test } from "node:test";
import { OCI_INDEX } from "../../core/oci/media_types.ts";
import {
  content,
  type EmbeddedRegistry,
  errorCodeOf,
  startEmbeddedRegistry,
} from "../support/embedded_registry.ts";

const EMPTY_INDEX = content('{"schemaVersion":2,"manifests":[]}', OCI_INDEX);
const TAGS = ["1.0", "1.10", "1.9", "A", "Z", "_x", "a", "b"];

async function startWithTags(): Promise<EmbeddedRegistry> {
  const registry = await startEmbeddedRegistry();
  for (const tag of [...TAGS].reverse()) await registry.pushManifest("app", tag, EMPTY_INDEX);
  return registry;
}

/** Follows the links from `path` on, and gives the entries of each page. */
async function readPages(registry: EmbeddedRegistry, path: string): Promise<string[][]> {
  const pages: string[][] = [];
  for (let next: string | undefined = path; next !== undefined;) {
    const { status, headers, body } = await registry.send("GET", next);
    assert.equal(status, 200);
    const { tags, repositories } = JSON.parse(String(body));
    pages.push(tags ?? repositories);
    next = /^<([^>]+)>; rel="next"$/.exec(String(headers.link ?? ""))?.[1];
    assert.ok(pages.length < 20);
  }
  return pages;
}

test("S6: tags come in ASCII order, page by page, with last exclusive", async () => {
  await using registry = await startWithTags();
  const list = (query: string) => readPages(registry, `/v2/app/tags/list${query}`);
  assert.deepEqual(await list(""), [TAGS]);
  assert.deepEqual(await list("?n=8"), [TAGS]);
  assert.deepEqual(await list("?n=3"), [TAGS.slice(0, 3), TAGS.slice(3, 6), TAGS.slice(6)]);
  assert.deepEqual(await list("?n=1"), TAGS.map((tag) => [tag]));
  assert.deepEqual(await list("?last=1.9"), [TAGS.slice(3)]);
  assert.deepEqual(await list("?last=1.95"), [TAGS.slice(3)]);
  assert.deepEqual(await list("?n=2&last=Z"), [["_x", "a"], ["b"]]);
  assert.deepEqual(await list("?last=b"), [[]]);
  assert.deepEqual(await list("?n=4&last=_x"), [["a", "b"]]);
});

test("S6: n=0 is an empty page without a link", async () => {
  await using registry = await startWithTags();
  const { headers, body } = await registry.send("GET", "/v2/app/tags/list?n=0");
  assert.deepEqual(JSON.parse(String(body)), { name: "app", tags: [] });
  assert.equal(headers.link, undefined);
});

test("S6: an absurd n is cut to what a page can have, and one that is no count is refused", async () => {
  await using registry = await startWithTags();
  for (const n of ["10001", "2147483647"]) {
    assert.deepEqual(await readPages(registry, `/v2/app/tags/list?n=${n}`), [TAGS]);
  }
  for (const n of ["2147483648", "999999999999", "-1", "1.5", "x", "", "1e3", "%00"]) {
    for (const path of ["/v2/app/tags/list", "/v2/_catalog"]) {
      const answer = await registry.send("GET", `${path}?n=${n}`);
      assert.deepEqual([answer.status, errorCodeOf(answer)], [400, "PAGINATION_NUMBER_INVALID"]);
    }
  }
});

test("S6: more tags than a page can have are still all there", async () => {
  await using registry = await startEmbeddedRegistry();
  const tags = Array.from({ length: 10_001 }, (_, i) => `t${String(i).padStart(5, "0")}`);
  for (let i = 0; i < tags.length; i += 100) {
    const query = tags.slice(i, i + 100).map((tag) => `tag=${tag}`).join("&");
    await registry.pushManifest("app", `${EMPTY_INDEX.digest}?${query}`, EMPTY_INDEX);
  }
  const pages = await readPages(registry, "/v2/app/tags/list?n=1000000");
  assert.deepEqual(pages.map(({ length }) => length), [10_000, 1]);
  assert.deepEqual(pages.flat(), tags);
});

test("the catalog names each repository once, those inside others too", async () => {
  await using registry = await startEmbeddedRegistry();
  assert.deepEqual(await readPages(registry, "/v2/_catalog"), [[]]);
  const names = ["a", "a/b", "a/b/c", "a/blobs", "a/blobs/sha256", "a/index.json", "blobs", "x/y"];
  for (const name of names) {
    await registry.pushBlob(name, content(name));
    await registry.pushManifest(name, "latest", EMPTY_INDEX);
  }
  assert.deepEqual(await readPages(registry, "/v2/_catalog"), [names]);
  assert.deepEqual(await readPages(registry, "/v2/_catalog?n=3"), [
    names.slice(0, 3),
    names.slice(3, 6),
    names.slice(6),
  ]);
  for (const name of names) {
    const { bytes, digest } = content(name);
    const { body } = await registry.send("GET", `/v2/${name}/blobs/${digest}`);
    assert.ok(body.equals(bytes));
    assert.deepEqual(await readPages(registry, `/v2/${name}/tags/list`), [["latest"]]);
  }
});
