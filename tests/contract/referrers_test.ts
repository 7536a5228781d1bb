import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createClient,
  type ErrorCode,
  parseRepository,
  referrers,
  RegctlError,
} from "../../core/mod.ts";
import { startScriptedRegistry, type Step } from "../support/scripted_registry.ts";
import type { Reply } from "../support/scripted_reply.ts";
import { type Content, image, index, manifestStep, pointTo, serve } from "./oci_content.ts";

const SUBJECT = image().digest;
const PATH = `/v2/app/referrers/${SUBJECT}`;
const TAG = SUBJECT.replace(":", "-");
const SBOM = "application/spdx+json";
const SIGNATURE = "application/vnd.dev.cosign.artifact.sig.v1+json";

const [A, B, C] = ["a", "b", "c"].map((name) => image({ annotations: { name } })) as [
  Content,
  Content,
  Content,
];
const LIST = index([
  pointTo(A, { artifactType: SBOM }),
  pointTo(B, { artifactType: SIGNATURE }),
  pointTo(A, { artifactType: SBOM }),
  pointTo(C),
]);

function get(path: string, reply: Reply): Step {
  return { method: "GET", path, reply };
}

/** What is listed, or the code of the error that ends it. */
async function list(script: readonly Step[], artifactType?: string): Promise<string[] | ErrorCode> {
  await using registry = await startScriptedRegistry(script);
  const repository = parseRepository(`${registry.host}/app`);
  const client = createClient(repository.registry, { retries: 0 });
  const found: string[] = [];
  try {
    for await (const { digest } of referrers(client, repository, SUBJECT, { artifactType })) {
      found.push(digest);
    }
  } catch (error) {
    assert.ok(error instanceof RegctlError, String(error));
    return error.code;
  }
  registry.assertDone();
  return found;
}

test("33: referrers come from the API, each once, however many pages there are", async () => {
  const link = { link: `<${PATH}?page=2>; rel="next"` };
  const pages = [
    get(PATH, serve(index([pointTo(A), pointTo(B)]), link)),
    get(`${PATH}?page=2`, serve(index([pointTo(B), pointTo(C)]))),
  ];
  assert.deepEqual(await list(pages), [A.digest, B.digest, C.digest]);
  assert.deepEqual(await list([get(PATH, serve(index([])))]), []);
});

test("33: what the registry does not filter is filtered here", async () => {
  const path = `${PATH}?artifactType=application%2Fspdx%2Bjson`;
  assert.deepEqual(await list([get(path, serve(LIST))], SBOM), [A.digest]);
  const applied = serve(index([pointTo(A, { artifactType: SBOM })]), {
    "oci-filters-applied": "artifactType",
  });
  assert.deepEqual(await list([get(path, applied)], SBOM), [A.digest]);
});

test("33: without the API the referrers tag is read, and filtered here", async () => {
  const missing = get(PATH, { status: 404 });
  const filtered = get(`${PATH}?artifactType=application%2Fspdx%2Bjson`, { status: 404 });
  assert.deepEqual(
    await list([missing, manifestStep(TAG, serve(LIST))]),
    [A, B, C].map((one) => one.digest),
  );
  assert.deepEqual(await list([filtered, manifestStep(TAG, serve(LIST))], SBOM), [A.digest]);
  for (const reply of [{ status: 404 }, serve(image()), { status: 200, body: "no index" }]) {
    assert.deepEqual(await list([missing, manifestStep(TAG, reply)]), []);
  }
});

test("33: a list that cannot be trusted, or has no end, is an error", async () => {
  const good = serve(index([pointTo(A)]));
  const cases: readonly (readonly [readonly Step[], ErrorCode])[] = [
    [[get(PATH, { status: 200, body: "{}" })], "INVALID_RESPONSE"],
    [[get(PATH, serve(image()))], "INVALID_RESPONSE"],
    [[get(PATH, { status: 403 })], "DENIED"],
    [[get(PATH, { status: 500 })], "SERVER"],
    [[get(PATH, { ...good, headers: { link: `<${PATH}>; rel="next"` } })], "PARTIAL"],
    [[get(PATH, { ...good, headers: { link: '<http://127.0.0.1:1/x>; rel="next"' } })], "PARTIAL"],
    [[
      get(PATH, { status: 404 }),
      manifestStep(TAG, serve(LIST, { "docker-content-digest": SUBJECT })),
    ], "INTEGRITY"],
  ];
  for (const [script, code] of cases) assert.equal(await list(script), code);
});
