import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DOCKER_MANIFEST,
  DOCKER_MANIFEST_LIST,
  OCI_INDEX,
  OCI_MANIFEST,
} from "../../core/oci/media_types.ts";
import {
  content,
  descriptor,
  type EmbeddedRegistry,
  errorCodeOf,
  startEmbeddedRegistry,
  type TestContent,
} from "../support/embedded_registry.ts";

// Each test has the name of the case it is of the OCI distribution-spec's conformance suite: one for
// each kind of content, which is pushed, listed, pulled, asked for its referrers, and deleted.

const REPO = "conformance/repo1";
const CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";
const LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip";
const EMPTY_TYPE = "application/vnd.oci.empty.v1+json";
const ARTIFACT_TYPE = "application/vnd.example.artifact";

/** One thing to push: its blobs, then its manifests in an order in which they can be taken. */
interface Sample {
  readonly blobs?: readonly TestContent[];
  readonly manifests: readonly Pushed[];
}

interface Pushed extends TestContent {
  /** Default: pushed by digest alone. */
  readonly tag?: string;
  /** As a referrers listing shows it; only where it has a subject. */
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly subject?: TestContent;
}

type Algorithm = "sha256" | "sha512";

function config(fields: object = {}, algorithm: Algorithm = "sha256"): TestContent {
  const document = { architecture: "amd64", os: "linux", rootfs: { type: "layers" }, ...fields };
  return content(JSON.stringify(document), CONFIG_TYPE, algorithm);
}

function layer(text: string, mediaType = LAYER_TYPE, algorithm: Algorithm = "sha256") {
  return content(text, mediaType, algorithm);
}

function image(
  parts: { readonly config: TestContent; readonly layers: readonly TestContent[] },
  fields: object = {},
  mediaType = OCI_MANIFEST,
  algorithm: Algorithm = "sha256",
): TestContent {
  const document = {
    schemaVersion: 2,
    mediaType,
    config: descriptor(parts.config),
    layers: parts.layers.map(descriptor),
    ...fields,
  };
  // Not how JSON.stringify would write it by itself: the bytes must come back as they were.
  return content(`${JSON.stringify(document, null, 3)}\n`, mediaType, algorithm);
}

function index(
  manifests: readonly TestContent[],
  fields: object = {},
  mediaType = OCI_INDEX,
): TestContent {
  const document = { schemaVersion: 2, mediaType, manifests: manifests.map(descriptor), ...fields };
  return content(JSON.stringify(document, null, 1), mediaType);
}

const BASE = { config: config(), layers: [layer("one"), layer("two")] };
const BASE_BLOBS = [BASE.config, ...BASE.layers];
const EMPTY = content("{}", EMPTY_TYPE);
const PLAIN = image(BASE);
const ARM = image({ config: config({ architecture: "arm64" }), layers: BASE.layers });
const ARM_BLOBS = [config({ architecture: "arm64" })];
const MISSING = image({ config: config({ os: "plan9" }), layers: [] });

/** An artifact packed as an image. */
function artifact(fields: object = {}, layers: readonly TestContent[] = [layer("data")]) {
  return image({ config: EMPTY, layers }, { artifactType: ARTIFACT_TYPE, ...fields });
}

const NOTES = { "org.example.note": "á \u0001" };

const SAMPLES: Readonly<Record<string, Sample>> = {
  "image": { blobs: BASE_BLOBS, manifests: [{ ...PLAIN, tag: "image" }] },
  "image-uncompressed": (() => {
    const plain = layer("x", "application/vnd.oci.image.layer.v1.tar");
    const manifest = image({ config: BASE.config, layers: [plain] });
    return { blobs: [BASE.config, plain], manifests: [{ ...manifest, tag: "uncompressed" }] };
  })(),
  "image-docker": {
    blobs: BASE_BLOBS,
    manifests: [{ ...image(BASE, {}, DOCKER_MANIFEST), tag: "docker" }],
  },
  "large-manifest": {
    blobs: BASE_BLOBS,
    manifests: [{
      ...image(BASE, { annotations: { filler: "x".repeat(4 * 1024 * 1024 - 2000) } }),
      tag: "large",
    }],
  },
  "index": {
    blobs: [...BASE_BLOBS, ...ARM_BLOBS],
    manifests: [PLAIN, ARM, { ...index([PLAIN, ARM]), tag: "index" }],
  },
  "index-docker": {
    blobs: [...BASE_BLOBS, ...ARM_BLOBS],
    manifests: [PLAIN, ARM, { ...index([PLAIN, ARM], {}, DOCKER_MANIFEST_LIST), tag: "list" }],
  },
  "nested-index": {
    blobs: [...BASE_BLOBS, ...ARM_BLOBS],
    manifests: [
      PLAIN,
      ARM,
      index([ARM]),
      { ...index([PLAIN, index([ARM])]), tag: "nested-index" },
    ],
  },
  "empty-index": { manifests: [{ ...index([]), tag: "empty-index" }] },
  "artifact": { blobs: [EMPTY, layer("data")], manifests: [{ ...artifact(), tag: "artifact" }] },
  "artifact-without-layers": {
    blobs: [EMPTY],
    manifests: [{ ...artifact({}, []), tag: "artifact-without-layers" }],
  },
  "artifact-index": {
    blobs: [EMPTY, layer("data")],
    manifests: [
      artifact(),
      { ...index([artifact()], { artifactType: ARTIFACT_TYPE }), tag: "artifact-index" },
    ],
  },
  "artifacts-with-subject": {
    blobs: [...BASE_BLOBS, EMPTY, layer("data")],
    manifests: [
      { ...PLAIN, tag: "subject" },
      {
        ...artifact({ subject: descriptor(PLAIN), annotations: NOTES }),
        subject: PLAIN,
        artifactType: ARTIFACT_TYPE,
        annotations: NOTES,
      },
      {
        ...image({ config: BASE.config, layers: [] }, { subject: descriptor(PLAIN) }),
        tag: "tagged-referrer",
        subject: PLAIN,
        artifactType: CONFIG_TYPE,
      },
    ],
  },
  "index-with-subject": {
    blobs: BASE_BLOBS,
    manifests: [
      { ...PLAIN, tag: "image" },
      {
        ...index([], { subject: descriptor(PLAIN), artifactType: ARTIFACT_TYPE }),
        subject: PLAIN,
        artifactType: ARTIFACT_TYPE,
      },
      { ...index([], { subject: descriptor(PLAIN), annotations: NOTES }), ...{ subject: PLAIN } },
    ].map((pushed, i) => i === 2 ? { ...pushed, annotations: NOTES } : pushed),
  },
  "missing-subject": {
    blobs: [EMPTY, layer("data")],
    manifests: [{
      ...artifact({ subject: descriptor(MISSING) }),
      tag: "missing-subject",
      subject: MISSING,
      artifactType: ARTIFACT_TYPE,
    }],
  },
  "custom-fields": (() => {
    const extra = { "org.example.custom": "x", "b": [1, { c: null }] };
    const custom = config(extra);
    const manifest = image({ config: custom, layers: BASE.layers }, extra);
    return { blobs: [custom, ...BASE.layers], manifests: [{ ...manifest, tag: "custom-fields" }] };
  })(),
  "data-field": (() => {
    const data = { ...layer("inline"), data: "aW5saW5l" };
    const manifest = image({ config: BASE.config, layers: [data] });
    return { blobs: [BASE.config, data], manifests: [{ ...manifest, tag: "data-field" }] };
  })(),
  "no-layers": {
    blobs: [BASE.config],
    manifests: [{ ...image({ config: BASE.config, layers: [] }), tag: "no-layers" }],
  },
  "non-distributable-layers": (() => {
    const foreign = {
      ...layer("elsewhere", "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"),
      urls: ["https://example.com/layer"],
    };
    const manifest = image({ config: BASE.config, layers: [BASE.layers[0] ?? foreign, foreign] });
    return { blobs: BASE_BLOBS, manifests: [{ ...manifest, tag: "non-distributable" }] };
  })(),
  "sha512": (() => {
    const parts = { config: config({}, "sha512"), layers: [layer("512", LAYER_TYPE, "sha512")] };
    return {
      blobs: [parts.config, ...parts.layers],
      manifests: [image(parts, {}, OCI_MANIFEST, "sha512")],
    };
  })(),
};

function manifestPath(reference: string): string {
  return `/v2/${REPO}/manifests/${reference}`;
}

async function pushSample(registry: EmbeddedRegistry, { blobs = [], manifests }: Sample) {
  for (const blob of blobs) await registry.pushBlob(REPO, blob);
  for (const manifest of manifests) {
    const reference = manifest.tag ?? manifest.digest;
    const { headers } = await registry.pushManifest(REPO, reference, manifest);
    assert.equal(headers.location, manifestPath(manifest.digest));
    assert.equal(headers["docker-content-digest"], manifest.digest);
    assert.equal(headers["oci-subject"], manifest.subject?.digest);
  }
}

async function assertTags(registry: EmbeddedRegistry, { manifests }: Sample): Promise<void> {
  const { body } = await registry.send("GET", `/v2/${REPO}/tags/list`);
  const tags = manifests.flatMap(({ tag }) => tag ?? []).sort();
  assert.deepEqual(JSON.parse(String(body)), { name: REPO, tags });
}

async function assertPulled(registry: EmbeddedRegistry, { manifests }: Sample): Promise<void> {
  for (const { tag, digest, bytes, size, mediaType } of manifests) {
    for (const reference of tag === undefined ? [digest] : [tag, digest]) {
      for (const method of ["HEAD", "GET"]) {
        const { status, headers, body } = await registry.send(method, manifestPath(reference));
        assert.equal(status, 200);
        assert.equal(headers["docker-content-digest"], digest);
        assert.equal(headers["content-type"], mediaType);
        assert.equal(headers["content-length"], String(size));
        assert.ok(method === "HEAD" || body.equals(bytes));
      }
    }
  }
}

async function referrersOf(registry: EmbeddedRegistry, digest: string, query = "") {
  const path = `/v2/${REPO}/referrers/${digest}${query}`;
  const { status, headers, body } = await registry.send("GET", path);
  assert.equal(status, 200);
  assert.equal(headers["content-type"], OCI_INDEX);
  const { manifests, ...head } = JSON.parse(String(body));
  assert.deepEqual(head, { schemaVersion: 2, mediaType: OCI_INDEX });
  return { manifests, applied: headers["oci-filters-applied"] };
}

async function assertReferrers(registry: EmbeddedRegistry, { manifests }: Sample): Promise<void> {
  const referrers = manifests.filter(({ subject }) => subject !== undefined);
  for (const { subject } of referrers) {
    const expected = referrers.filter((one) => one.subject === subject).map((one) => ({
      mediaType: one.mediaType,
      digest: one.digest,
      size: one.size,
      ...(one.artifactType !== undefined && { artifactType: one.artifactType }),
      ...(one.annotations && { annotations: one.annotations }),
    })).sort((a, b) => a.digest < b.digest ? -1 : 1);
    const all = await referrersOf(registry, subject?.digest ?? "");
    assert.deepEqual(all, { manifests: expected, applied: undefined });
    for (const wanted of [ARTIFACT_TYPE, "application/x-none"]) {
      const query = `?artifactType=${encodeURIComponent(wanted)}`;
      const filtered = await referrersOf(registry, subject?.digest ?? "", query);
      assert.equal(filtered.applied, "artifactType");
      const fitting = expected.filter(({ artifactType }) => artifactType === wanted);
      assert.deepEqual(filtered.manifests, fitting);
    }
  }
}

async function assertDeleted(
  registry: EmbeddedRegistry,
  { blobs = [], manifests }: Sample,
): Promise<void> {
  for (const { tag, digest } of manifests) {
    if (tag === undefined) continue;
    assert.equal((await registry.send("DELETE", manifestPath(tag))).status, 202);
    assert.equal((await registry.send("HEAD", manifestPath(tag))).status, 404);
    assert.equal((await registry.send("HEAD", manifestPath(digest))).status, 200);
  }
  for (const { digest } of [...manifests].reverse()) {
    assert.equal((await registry.send("DELETE", manifestPath(digest))).status, 202);
    const gone = await registry.send("GET", manifestPath(digest));
    assert.deepEqual([gone.status, errorCodeOf(gone)], [404, "MANIFEST_UNKNOWN"]);
    assert.equal((await registry.send("HEAD", `/v2/${REPO}/blobs/${digest}`)).status, 404);
  }
  for (const { digest } of blobs) {
    assert.equal((await registry.send("DELETE", `/v2/${REPO}/blobs/${digest}`)).status, 202);
    assert.equal((await registry.send("HEAD", `/v2/${REPO}/blobs/${digest}`)).status, 404);
  }
}

for (const [name, sample] of Object.entries(SAMPLES)) {
  test(`conformance: ${name}`, async () => {
    await using registry = await startEmbeddedRegistry();
    await pushSample(registry, sample);
    await assertTags(registry, sample);
    await assertPulled(registry, sample);
    await assertReferrers(registry, sample);
    await assertDeleted(registry, sample);
  });
}

for (const algorithm of ["sha256", "sha512"] as const) {
  const name = algorithm === "sha256" ? "tag-param" : "tag-param-sha512";
  test(`conformance: ${name}`, async () => {
    await using registry = await startEmbeddedRegistry();
    for (const blob of BASE_BLOBS) await registry.pushBlob(REPO, blob);
    const manifest = image(BASE, {}, OCI_MANIFEST, algorithm);
    const tags = Array.from({ length: 12 }, (_, i) => `tag-${i}`);
    const reference = `${manifest.digest}?${tags.map((tag) => `tag=${tag}`).join("&")}`;
    const { headers } = await registry.pushManifest(REPO, reference, manifest);
    assert.deepEqual(String(headers["oci-tag"]).split(", "), tags);
    for (const tag of tags) await assertPulled(registry, { manifests: [{ ...manifest, tag }] });
  });
}

test("conformance: bad-digest-image", async () => {
  await using registry = await startEmbeddedRegistry();
  for (const blob of BASE_BLOBS) await registry.pushBlob(REPO, blob);
  for (const algorithm of ["sha256", "sha512"] as const) {
    const { digest } = content("other", OCI_MANIFEST, algorithm);
    const headers = { "content-type": OCI_MANIFEST };
    const put = await registry.send("PUT", manifestPath(digest), { headers, body: PLAIN.bytes });
    assert.deepEqual([put.status, errorCodeOf(put)], [400, "DIGEST_INVALID"]);
    for (const reference of [digest, PLAIN.digest]) {
      assert.equal((await registry.send("HEAD", manifestPath(reference))).status, 404);
    }
  }
});

test("conformance: invalid-digest-format", async () => {
  await using registry = await startEmbeddedRegistry();
  for (const blob of BASE_BLOBS) await registry.pushBlob(REPO, blob);
  const hex = "a".repeat(64);
  for (
    const digest of [
      "sha256:baddigeststring",
      `sha256:${hex.slice(1)}`,
      `sha256:${hex}a`,
      `sha256:${hex.toUpperCase()}`,
      `sha512:${hex}`,
      `sha384:${hex}`,
      `md5:${hex}`,
      "sha256:",
    ]
  ) {
    const headers = { "content-type": OCI_MANIFEST };
    const put = await registry.send("PUT", manifestPath(digest), { headers, body: PLAIN.bytes });
    assert.deepEqual([put.status, errorCodeOf(put)], [400, "DIGEST_INVALID"], digest);
    for (const path of [manifestPath(digest), `/v2/${REPO}/blobs/${digest}`]) {
      const get = await registry.send("GET", path);
      assert.deepEqual([get.status, errorCodeOf(get)], [400, "DIGEST_INVALID"], digest);
    }
    const referrers = await registry.send("GET", `/v2/${REPO}/referrers/${digest}`);
    assert.deepEqual([referrers.status, errorCodeOf(referrers)], [400, "DIGEST_INVALID"], digest);
  }
});

test("conformance: missing-manifest/by-digest and by-tag", async () => {
  await using registry = await startEmbeddedRegistry();
  await registry.pushBlob(REPO, EMPTY);
  for (const reference of [PLAIN.digest, "missing"]) {
    for (const method of ["GET", "DELETE"]) {
      const answer = await registry.send(method, manifestPath(reference));
      assert.deepEqual([answer.status, errorCodeOf(answer)], [404, "MANIFEST_UNKNOWN"]);
    }
  }
});

test("conformance: empty/tag list and referrers", async () => {
  await using registry = await startEmbeddedRegistry();
  const list = await registry.send("GET", `/v2/${REPO}/tags/list`);
  assert.deepEqual([list.status, errorCodeOf(list)], [404, "NAME_UNKNOWN"]);
  assert.deepEqual(await referrersOf(registry, PLAIN.digest), {
    manifests: [],
    applied: undefined,
  });
});

test("conformance: ping", async () => {
  await using registry = await startEmbeddedRegistry();
  for (const path of ["/v2/", "/v2"]) {
    const { status, headers, body } = await registry.send("GET", path);
    assert.deepEqual([status, String(body)], [200, "{}"]);
    assert.equal(headers["docker-distribution-api-version"], "registry/2.0");
  }
});

test("S2, conformance: sparse is refused: a manifest whose parts are not there leaves nothing", async () => {
  await using registry = await startEmbeddedRegistry();
  const [first, second] = BASE.layers;
  const tries = [
    [BASE.config, first],
    [first, second],
  ];
  for (const present of tries) {
    for (const blob of present) if (blob) await registry.pushBlob(REPO, blob);
    const headers = { "content-type": OCI_MANIFEST };
    const put = await registry.send("PUT", manifestPath("x"), { headers, body: PLAIN.bytes });
    assert.deepEqual([put.status, errorCodeOf(put)], [400, "MANIFEST_BLOB_UNKNOWN"]);
    for (const blob of present) await registry.send("DELETE", `/v2/${REPO}/blobs/${blob?.digest}`);
  }
  const body = index([PLAIN]).bytes;
  const headers = { "content-type": OCI_INDEX };
  const put = await registry.send("PUT", manifestPath("x"), { headers, body });
  assert.deepEqual([put.status, errorCodeOf(put)], [400, "MANIFEST_BLOB_UNKNOWN"]);
  assert.equal((await registry.send("HEAD", manifestPath("x"))).status, 404);
});

test("S2: what is no manifest is refused", async () => {
  await using registry = await startEmbeddedRegistry();
  for (const blob of BASE_BLOBS) await registry.pushBlob(REPO, blob);
  const both = JSON.stringify({ ...JSON.parse(String(PLAIN.bytes)), manifests: [] });
  const cases: readonly (readonly [string, string | Uint8Array])[] = [
    [OCI_MANIFEST, "{"],
    [OCI_MANIFEST, ""],
    [OCI_MANIFEST, "[]"],
    [OCI_MANIFEST, "null"],
    [OCI_MANIFEST, both],
    // Of two keys readers take one or the other.
    [OCI_MANIFEST, `{"mediaType":"${OCI_INDEX}",${String(PLAIN.bytes).slice(1)}`],
    [OCI_INDEX, PLAIN.bytes],
    [DOCKER_MANIFEST, PLAIN.bytes],
    ["application/json", PLAIN.bytes],
    ["application/vnd.docker.distribution.manifest.v1+prettyjws", '{"schemaVersion":1}'],
    ["", '{"schemaVersion":2}'],
  ];
  for (const [type, body] of cases) {
    const headers = { "content-type": type };
    const put = await registry.send("PUT", manifestPath("x"), { headers, body });
    assert.deepEqual([put.status, errorCodeOf(put)], [400, "MANIFEST_INVALID"], `${type} ${body}`);
  }
  const headers = { "content-type": `${OCI_MANIFEST}; charset=utf-8` };
  const put = await registry.send("PUT", manifestPath("x"), { headers, body: PLAIN.bytes });
  assert.equal(put.status, 201);
  assert.equal(
    (await registry.send("HEAD", manifestPath("x"))).headers["content-type"],
    OCI_MANIFEST,
  );
});

test("S8: deleting a digest takes its tags along, deleting a tag its siblings not", async () => {
  await using registry = await startEmbeddedRegistry();
  for (const blob of BASE_BLOBS) await registry.pushBlob(REPO, blob);
  for (const tag of ["a", "b", "c"]) await registry.pushManifest(REPO, tag, PLAIN);
  assert.equal((await registry.send("DELETE", manifestPath("b"))).status, 202);
  await assertTags(registry, { manifests: [{ ...PLAIN, tag: "a" }, { ...PLAIN, tag: "c" }] });
  assert.equal((await registry.send("DELETE", manifestPath("b"))).status, 404);
  assert.equal((await registry.send("DELETE", manifestPath(PLAIN.digest))).status, 202);
  for (const reference of ["a", "c", PLAIN.digest]) {
    assert.equal((await registry.send("GET", manifestPath(reference))).status, 404);
  }
  await assertTags(registry, { manifests: [] });
  for (const path of [manifestPath("a"), `/v2/${REPO}/blobs/${PLAIN.digest}`]) {
    const elsewhere = path.replace(REPO, "nowhere");
    const answer = await registry.send("DELETE", elsewhere);
    assert.deepEqual([answer.status, errorCodeOf(answer)], [404, "NAME_UNKNOWN"]);
  }
});

test("S8: a manifest is not deleted as a blob", async () => {
  await using registry = await startEmbeddedRegistry();
  for (const blob of BASE_BLOBS) await registry.pushBlob(REPO, blob);
  await registry.pushManifest(REPO, "a", PLAIN);
  const answer = await registry.send("DELETE", `/v2/${REPO}/blobs/${PLAIN.digest}`);
  assert.deepEqual([answer.status, errorCodeOf(answer)], [403, "DENIED"]);
  await assertPulled(registry, { manifests: [{ ...PLAIN, tag: "a" }] });
});

test("a tag that moves leaves its old manifest where its digest finds it", async () => {
  await using registry = await startEmbeddedRegistry();
  for (const blob of [...BASE_BLOBS, ...ARM_BLOBS]) await registry.pushBlob(REPO, blob);
  for (const manifest of [PLAIN, ARM]) await registry.pushManifest(REPO, "a", manifest);
  await assertPulled(registry, { manifests: [PLAIN, { ...ARM, tag: "a" }] });
  await assertTags(registry, { manifests: [{ ...ARM, tag: "a" }] });
});

test("S7: referrers with large annotations come in pages, each as small as it can be", async () => {
  await using registry = await startEmbeddedRegistry();
  await registry.pushBlob(REPO, EMPTY);
  const pushed: string[] = [];
  for (let i = 0; i < 7; i++) {
    const annotations = { filler: "x".repeat(1_500_000), i: String(i) };
    const one = artifact({ subject: descriptor(PLAIN), annotations }, []);
    await registry.pushManifest(REPO, one.digest, one);
    pushed.push(one.digest);
  }
  const found: string[][] = [];
  const query = `artifactType=${encodeURIComponent(ARTIFACT_TYPE)}`;
  let path: string | undefined = `/v2/${REPO}/referrers/${PLAIN.digest}?${query}`;
  while (path !== undefined) {
    const { headers, body } = await registry.send("GET", path);
    assert.equal(headers["oci-filters-applied"], "artifactType");
    const { manifests } = JSON.parse(String(body)) as { manifests: { digest: string }[] };
    found.push(manifests.map(({ digest }) => digest));
    path = /^<([^>]+)>; rel="next"$/.exec(String(headers.link ?? ""))?.[1];
  }
  assert.deepEqual(found.map(({ length }) => length), [2, 2, 2, 1]);
  assert.deepEqual(found.flat(), pushed.sort());
});

test("S1: what has no body says so", async () => {
  await using registry = await startEmbeddedRegistry();
  await registry.pushBlob(REPO, EMPTY);
  const { headers } = await registry.send("POST", `/v2/${REPO}/blobs/uploads/`);
  assert.equal(headers["content-length"], "0");
  const patched = await registry.send("PATCH", headers.location ?? "", { body: "x" });
  assert.equal(patched.headers["content-length"], "0");
  const status = await registry.send("GET", headers.location ?? "");
  assert.equal(status.headers["transfer-encoding"], undefined);
  const deleted = await registry.send("DELETE", `/v2/${REPO}/blobs/${EMPTY.digest}`);
  assert.deepEqual([deleted.status, deleted.headers["content-length"]], [202, "0"]);
});
