import assert from "node:assert/strict";
import { hash } from "bcryptjs";
import { test } from "node:test";
import { OCI_INDEX, OCI_MANIFEST } from "../../core/oci/media_types.ts";
import { createAuthenticate } from "../../core/server/htpasswd.ts";
import {
  content,
  descriptor,
  errorCodeOf,
  type SendOptions,
  startEmbeddedRegistry,
} from "../support/embedded_registry.ts";
import { basic } from "../support/push.ts";

const INDEX = content('{"schemaVersion":2,"manifests":[]}', OCI_INDEX);
const BLOB = content("blob");
const NONE = content("none").digest;
const UPLOAD = "/v2/app/blobs/uploads/";
const AS_INDEX = { headers: { "content-type": OCI_INDEX }, body: INDEX.bytes };

test("S3: a manifest about one that is not there is taken, and its subject confirmed", async () => {
  await using registry = await startEmbeddedRegistry();
  const subject = { mediaType: OCI_MANIFEST, digest: NONE, size: 4 };
  const document = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [], subject };
  const referrer = content(JSON.stringify(document), OCI_INDEX);
  const { headers } = await registry.pushManifest("app", "a", referrer);
  assert.equal(headers["oci-subject"], NONE);
  const { body } = await registry.send("GET", `/v2/app/referrers/${NONE}`);
  assert.deepEqual(JSON.parse(String(body)).manifests, [descriptor(referrer)]);
});

test("S4: a digest that differs, is malformed, or of another algorithm is 400", async () => {
  await using registry = await startEmbeddedRegistry();
  const hex = NONE.replace("sha256:", "");
  for (const digest of [NONE, `sha512:${hex}${hex}`, "sha256:abc", `sha384:${hex}`, `md5:${hex}`]) {
    const answer = await registry.send("POST", `${UPLOAD}?digest=${digest}`, { body: BLOB.bytes });
    assert.deepEqual([answer.status, errorCodeOf(answer)], [400, "DIGEST_INVALID"], digest);
  }
  for (const algorithm of ["sha256", "sha512"] as const) {
    const blob = content("blob", "application/octet-stream", algorithm);
    const path = `${UPLOAD}?digest=${blob.digest}`;
    assert.equal((await registry.send("POST", path, { body: blob.bytes })).status, 201);
  }
});

test("S9: each error code of the specification, with its status", async () => {
  // Slow enough for guesses to come in faster than they are checked.
  const authenticate = await createAuthenticate(`ann:${await hash("right", 10)}`, "users");
  await using registry = await startEmbeddedRegistry({ authenticate });
  const authorization = basic("ann", "right");
  const send = (method: string, path: string, { headers, ...options }: SendOptions = {}) =>
    registry.send(method, path, { ...options, headers: { authorization, ...headers } });
  await send("POST", `${UPLOAD}?digest=${BLOB.digest}`, { body: BLOB.bytes });
  await send("PUT", "/v2/app/manifests/a", AS_INDEX);
  const { headers } = await send("POST", UPLOAD);
  const location = headers.location ?? "";
  const wanting = JSON.stringify({
    schemaVersion: 2,
    config: { mediaType: "a/b", digest: NONE, size: 4 },
    layers: [],
  });
  const asImage = { headers: { "content-type": OCI_MANIFEST } };
  const cases: readonly (readonly [string, number, string, string, SendOptions?])[] = [
    ["BLOB_UNKNOWN", 404, "GET", `/v2/app/blobs/${NONE}`],
    ["BLOB_UPLOAD_INVALID", 416, "PATCH", location, {
      headers: { "content-range": "5-6" },
      body: "ab",
    }],
    ["BLOB_UPLOAD_UNKNOWN", 404, "GET", `${UPLOAD}none`],
    ["DIGEST_INVALID", 400, "PUT", `${location}?digest=x`],
    ["MANIFEST_BLOB_UNKNOWN", 400, "PUT", "/v2/app/manifests/b", { ...asImage, body: wanting }],
    ["MANIFEST_INVALID", 400, "PUT", "/v2/app/manifests/b", { ...asImage, body: "{}" }],
    ["MANIFEST_UNKNOWN", 404, "GET", "/v2/app/manifests/b"],
    ["NAME_INVALID", 400, "GET", "/v2/App/tags/list"],
    ["NAME_UNKNOWN", 404, "GET", "/v2/nothing/tags/list"],
    ["SIZE_INVALID", 400, "PATCH", location, {
      headers: { "content-range": "0-6" },
      body: "ab",
    }],
    ["UNAUTHORIZED", 401, "GET", "/v2/", { headers: { authorization: basic("ann", "wrong") } }],
    ["DENIED", 403, "DELETE", `/v2/app/blobs/${INDEX.digest}`],
    ["UNSUPPORTED", 405, "PUT", "/v2/app/tags/list"],
  ];
  for (const [code, status, method, path, options] of cases) {
    const answer = await send(method, path, options);
    assert.deepEqual([errorCodeOf(answer), answer.status], [code, status], path);
    assert.equal(answer.headers["content-type"], "application/json");
  }
  const guesses = Array.from({ length: 40 }, (_, i) => {
    return send("GET", "/v2/", { headers: { authorization: basic("ann", `guess ${i}`) } });
  });
  const limited = (await Promise.all(guesses)).filter(({ status }) => status === 429);
  assert.ok(limited.length > 0);
  for (const answer of limited) assert.equal(errorCodeOf(answer), "TOOMANYREQUESTS");
});
