import assert from "node:assert/strict";
import { test } from "node:test";

import { RegctlError } from "../../../../core/errors.ts";
import { tryParseDigest } from "../../../../core/oci/digest.ts";
import { artifactTypeOf, type Manifest, parseManifest } from "../../../../core/oci/manifest.ts";
import {
  DOCKER_MANIFEST,
  DOCKER_MANIFEST_LIST,
  OCI_INDEX,
  OCI_MANIFEST,
} from "../../../../core/oci/media_types.ts";
import { assertFast } from "../../../support/assert_error.ts";
import { forEachSeed, type Random } from "../../../support/random.ts";

type Fields = Readonly<Record<string, unknown>>;

const HEX = "0123456789abcdef".repeat(4);
const CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";
const CONFIG = { mediaType: CONFIG_TYPE, digest: `sha256:${HEX}`, size: 2 };
const LAYER = { mediaType: "application/x-tar", digest: `sha512:${HEX}${HEX}`, size: 0 };
const CHILD = { mediaType: OCI_MANIFEST, digest: `sha256:${HEX}`, size: 2 ** 53 - 1 };
const IMAGE = { schemaVersion: 2, config: CONFIG, layers: [LAYER, LAYER] };
const INDEX = { schemaVersion: 2, manifests: [CHILD] };

const IMAGE_TYPES = [OCI_MANIFEST, DOCKER_MANIFEST];
const INDEX_TYPES = [OCI_INDEX, DOCKER_MANIFEST_LIST];

function encode(document: unknown): Uint8Array {
  return new TextEncoder().encode(
    typeof document === "string" ? document : JSON.stringify(document),
  );
}

test("parseManifest reads an image of either type", () => {
  for (const mediaType of IMAGE_TYPES) {
    const expected = { mediaType, config: CONFIG, layers: [LAYER, LAYER], manifests: [] };
    assert.deepEqual(parseManifest(encode(IMAGE), mediaType), expected);
    assert.deepEqual(parseManifest(encode({ ...IMAGE, mediaType }), mediaType), expected);
  }
});

test("parseManifest reads an index of either type", () => {
  for (const mediaType of INDEX_TYPES) {
    const expected = { mediaType, layers: [], manifests: [CHILD] };
    assert.deepEqual(parseManifest(encode(INDEX), mediaType), expected);
    assert.deepEqual(parseManifest(encode({ ...INDEX, mediaType }), mediaType), expected);
  }
});

test("parseManifest takes the type from the body when it was sent without one", () => {
  for (const mediaType of IMAGE_TYPES) {
    assert.equal(parseManifest(encode({ ...IMAGE, mediaType }), "").mediaType, mediaType);
  }
  for (const mediaType of INDEX_TYPES) {
    assert.equal(parseManifest(encode({ ...INDEX, mediaType }), "").mediaType, mediaType);
  }
  assert.equal(parseManifest(encode(IMAGE), "").mediaType, OCI_MANIFEST);
  assert.equal(parseManifest(encode(INDEX), "").mediaType, OCI_INDEX);
});

test("parseManifest reads subject, artifact type and annotations", () => {
  const subject = { mediaType: OCI_MANIFEST, digest: `sha256:${HEX}`, size: 7 };
  const facts = { subject, artifactType: "application/x-sbom", annotations: { a: "", "b/c": "d" } };
  for (const [document, type] of [[IMAGE, OCI_MANIFEST], [INDEX, OCI_INDEX]] as const) {
    const manifest = parseManifest(encode({ ...document, ...facts }), type);
    assert.deepEqual(manifest.subject, subject);
    assert.equal(manifest.artifactType, "application/x-sbom");
    assert.deepEqual(manifest.annotations, facts.annotations);
  }
});

test("parseManifest takes null for a subject or annotations that are not there", () => {
  const document = { ...IMAGE, subject: null, annotations: null };
  assert.deepEqual(
    parseManifest(encode(document), OCI_MANIFEST),
    parseManifest(encode(IMAGE), OCI_MANIFEST),
  );
  const typed = { ...document, artifactType: "a/b" };
  assert.equal(parseManifest(encode(typed), OCI_MANIFEST).artifactType, "a/b");
});

test("parseManifest keeps fields of descriptors that it does not know", () => {
  const more = {
    urls: ["https://r.example/x"],
    data: "e30=",
    platform: { os: "linux", architecture: "arm64" },
    annotations: { "org.opencontainers.image.ref.name": "v1" },
    "x-new": null,
  };
  const image = { ...IMAGE, config: { ...CONFIG, ...more }, layers: [{ ...LAYER, ...more }] };
  const { config, layers } = parseManifest(encode(image), OCI_MANIFEST);
  assert.deepEqual(config, { ...CONFIG, ...more });
  assert.deepEqual(layers, [{ ...LAYER, ...more }]);
  const index = { ...INDEX, manifests: [{ ...CHILD, ...more }] };
  assert.deepEqual(parseManifest(encode(index), OCI_INDEX).manifests, [{ ...CHILD, ...more }]);
});

test("parseManifest takes an image without layers and an index without manifests", () => {
  assert.deepEqual(parseManifest(encode({ ...IMAGE, layers: [] }), OCI_MANIFEST).layers, []);
  assert.deepEqual(parseManifest(encode({ ...INDEX, manifests: [] }), OCI_INDEX).manifests, []);
});

test("parseManifest refuses what is an image to one reader and an index to another", () => {
  const table: readonly (readonly [Fields, string, RegExp])[] = [
    [{ ...INDEX, layers: [] }, OCI_INDEX, /has "layers"/],
    [{ ...INDEX, layers: [LAYER] }, DOCKER_MANIFEST_LIST, /has "layers"/],
    [{ ...INDEX, config: CONFIG }, OCI_INDEX, /has "config"/],
    [{ ...INDEX, ...IMAGE }, OCI_INDEX, /has "config"/],
    [{ ...INDEX, ...IMAGE }, OCI_MANIFEST, /has "manifests"/],
    [{ ...IMAGE, manifests: [] }, OCI_MANIFEST, /has "manifests"/],
    [{ ...IMAGE, manifests: [CHILD] }, DOCKER_MANIFEST, /has "manifests"/],
    [IMAGE, OCI_INDEX, /has "config"/],
    [INDEX, OCI_MANIFEST, /has "manifests"/],
  ];
  for (const [document, type, rule] of table) {
    assertRefused(document, type, rule);
    assertRefused({ ...document, mediaType: type }, type, rule);
    assertRefused({ ...document, mediaType: type }, "", rule);
  }
});

test("parseManifest refuses a type that is unknown or not the one in the body", () => {
  const table: readonly (readonly [Fields, string, RegExp])[] = [
    [
      { ...IMAGE, mediaType: OCI_MANIFEST },
      DOCKER_MANIFEST,
      /mediaType is ".+oci.+", but .+docker/,
    ],
    [
      { ...IMAGE, mediaType: DOCKER_MANIFEST },
      OCI_MANIFEST,
      /mediaType is ".+docker.+", but .+oci/,
    ],
    [{ ...INDEX, mediaType: OCI_MANIFEST }, OCI_INDEX, /but it was sent as/],
    [{ ...IMAGE, mediaType: OCI_INDEX }, OCI_MANIFEST, /but it was sent as/],
    [{ ...IMAGE, mediaType: OCI_MANIFEST }, "text/html", /but it was sent as "text\/html"/],
    [{ ...IMAGE, mediaType: "" }, OCI_MANIFEST, /but it was sent as/],
    [{ ...IMAGE, mediaType: "text/html" }, "", /"text\/html" is no type of manifest/],
    [{ ...IMAGE, mediaType: OCI_MANIFEST.toUpperCase() }, "", /is no type of manifest/],
    [{ ...IMAGE, mediaType: ` ${OCI_MANIFEST}` }, "", /is no type of manifest/],
    [{ ...IMAGE, mediaType: "constructor" }, "", /is no type of manifest/],
    [{ schemaVersion: 2 }, "", /does not say, nor look like/],
    [{ schemaVersion: 2, layers: [] }, "", /does not say, nor look like/],
    [IMAGE, "application/json", /is no type of manifest/],
    [{ ...IMAGE, mediaType: null }, OCI_MANIFEST, /mediaType is not text/],
    [{ ...IMAGE, mediaType: 2 }, "", /mediaType is not text/],
    [{ ...IMAGE, mediaType: [OCI_MANIFEST] }, OCI_MANIFEST, /mediaType is not text/],
  ];
  for (const [document, type, rule] of table) assertRefused(document, type, rule);
});

test("parseManifest refuses any schema version but 2", () => {
  for (const schemaVersion of [1, 3, 0, "2", null, undefined, [2], true]) {
    assertRefused({ ...IMAGE, schemaVersion }, OCI_MANIFEST, /schemaVersion is not 2/);
    assertRefused({ ...INDEX, schemaVersion }, OCI_INDEX, /schemaVersion is not 2/);
  }
});

test("parseManifest does not support Docker's schema 1", () => {
  const type = "application/vnd.docker.distribution.manifest.v1+";
  const schema1 = { schemaVersion: 1, name: "app", tag: "1", fsLayers: [], history: [] };
  for (
    const [document, sent] of [[schema1, ""], [IMAGE, `${type}prettyjws`], [{}, `${type}json`]]
  ) {
    assert.throws(() => parseManifest(encode(document), String(sent)), { code: "UNSUPPORTED" });
  }
});

test("parseManifest refuses a key that is there twice, however it is written", () => {
  const text = JSON.stringify({ ...IMAGE, mediaType: OCI_MANIFEST });
  const table: readonly (readonly [string, string])[] = [
    [text.replace("{", `{"mediaType":"${OCI_INDEX}",`), "mediaType"],
    [text.replace("{", `{"med\\u0069aType":"${OCI_INDEX}",`), "mediaType"],
    [text.replace(/}$/, ',"schemaVersion":2}'), "schemaVersion"],
    [text.replace('"size":', '"size":9,"size":'), "size"],
    [text.replace("{", '{"x":[[{"a":{},"b":[1,2],"a":0}]],'), "a"],
    [text.replace("{", '{"":1,"":2,'), ""],
    [text.replace("{", '{"q\\"\\\\":1, "q\\u0022\\u005c" : 2,'), 'q"\\'],
  ];
  for (const [document, key] of table) {
    const { message } = assertRefused(document, OCI_MANIFEST, / twice/);
    assert.ok(message.includes(JSON.stringify(key)), message);
  }
  const honest = text.replace(
    "{",
    '{"a":{"a":["a","a",{"a":"a\\\\"}],"b":"\\",\\"b\\":"},"b":",",',
  );
  assert.equal(parseManifest(encode(honest), OCI_MANIFEST).layers.length, 2);
});

test("parseManifest names the part that is missing or of the wrong kind", () => {
  const table: readonly (readonly [Fields, string, RegExp])[] = [
    [{ ...IMAGE, config: undefined }, OCI_MANIFEST, /"config" is not a descriptor/],
    [{ ...IMAGE, config: null }, OCI_MANIFEST, /"config" is not a descriptor/],
    [{ ...IMAGE, config: [CONFIG] }, OCI_MANIFEST, /"config" is not a descriptor/],
    [{ ...IMAGE, config: "x" }, OCI_MANIFEST, /"config" is not a descriptor/],
    [{ ...IMAGE, config: {} }, OCI_MANIFEST, /"config" has no mediaType/],
    [{ ...IMAGE, config: { ...CONFIG, mediaType: "" } }, OCI_MANIFEST, /"config" has no mediaType/],
    [{ ...IMAGE, config: { ...CONFIG, mediaType: 5 } }, OCI_MANIFEST, /"config" has no mediaType/],
    [{ ...IMAGE, layers: undefined }, OCI_MANIFEST, /"layers" is not a list/],
    [{ ...IMAGE, layers: {} }, OCI_MANIFEST, /"layers" is not a list/],
    [{ ...IMAGE, layers: { length: 1, 0: LAYER } }, OCI_MANIFEST, /"layers" is not a list/],
    [{ ...IMAGE, layers: "" }, OCI_MANIFEST, /"layers" is not a list/],
    [{ ...IMAGE, layers: [LAYER, null] }, OCI_MANIFEST, /"layers\[1\]" is not a descriptor/],
    [{ ...IMAGE, layers: [[LAYER]] }, OCI_MANIFEST, /"layers\[0\]" is not a descriptor/],
    [{ ...INDEX, manifests: undefined }, OCI_INDEX, /"manifests" is not a list/],
    [{ ...INDEX, manifests: false }, OCI_INDEX, /"manifests" is not a list/],
    [{ ...INDEX, manifests: CHILD }, OCI_INDEX, /"manifests" is not a list/],
    [{ ...INDEX, manifests: [CHILD, 5] }, OCI_INDEX, /"manifests\[1\]" is not a descriptor/],
    [{ ...IMAGE, subject: "x" }, OCI_MANIFEST, /"subject" is not a descriptor/],
    [{ ...IMAGE, subject: [] }, OCI_MANIFEST, /"subject" is not a descriptor/],
    [{ ...IMAGE, subject: false }, OCI_MANIFEST, /"subject" is not a descriptor/],
    [{ ...INDEX, subject: {} }, OCI_INDEX, /"subject" has no mediaType/],
  ];
  for (const [document, type, rule] of table) assertRefused(document, type, rule);
});

test("parseManifest reads null as an empty list, as Go writes it", () => {
  const image = { ...IMAGE, layers: null, manifests: null };
  assert.deepEqual(parseManifest(encode(image), OCI_MANIFEST).layers, []);
  const index = { ...INDEX, manifests: null, config: null, layers: null };
  assert.deepEqual(parseManifest(encode(index), OCI_INDEX).manifests, []);
});

test("V13: parseManifest refuses a key that some readers take for another", () => {
  for (const key of ["Manifests", "MANIFESTS", "MediaType", "mediatype", "Layers", "Config"]) {
    for (const [document, type] of [[IMAGE, OCI_MANIFEST], [INDEX, OCI_INDEX]] as const) {
      assertRefused({ ...document, [key]: [] }, type, new RegExp(`it has "${key}", which some`));
    }
  }
});

test("parseManifest takes no digest that cannot be verified, nor one that is a path", () => {
  const digests: readonly unknown[] = [
    ...[
      "sha256:../../x",
      `sha256:../${HEX.slice(3)}`,
      `../${HEX}`,
      `/etc/passwd`,
      `sha256:/${HEX}`,
    ],
    ...[`sha256:${HEX.slice(1)}`, `sha256:${HEX}0`, `sha512:${HEX}`, `sha256:${HEX}${HEX}`],
    ...[`sha256:${HEX.toUpperCase()}`, `SHA256:${HEX}`, `sha256:%2e%2e${HEX.slice(6)}`],
    ...[`sha384:${HEX}${HEX.slice(32)}`, "sha256:", "sha256", HEX, "", `sha256:${HEX}\n`],
    ...[`sha256:${HEX}\0`, ` sha256:${HEX}`, `sha256:${HEX.replace("a", "\u0430")}`],
    ...[null, undefined, 5, {}, [`sha256:${HEX}`]],
  ];
  for (const digest of digests) assertDescriptorRefused({ digest }, /^the digest of "/);
});

test("parseManifest takes no size that is not a number of bytes", () => {
  const sizes: readonly unknown[] = [
    ...[-1, 2 ** 60, 2 ** 53, 1.5, "5", "", null, undefined, true, [5], {}],
  ];
  for (const size of sizes) assertDescriptorRefused({ size }, /^the size of "/);
  const text = JSON.stringify(INDEX).replace(String(2 ** 53 - 1), "1e999");
  assertRefused(text, OCI_INDEX, /^the size of "manifests\[0\]"/);
});

test("parseManifest refuses an artifact type or annotations that are not text", () => {
  for (const [document, type] of [[IMAGE, OCI_MANIFEST], [INDEX, OCI_INDEX]] as const) {
    for (const artifactType of [5, null, {}, ["a/b"]]) {
      assertRefused({ ...document, artifactType }, type, /artifactType .*is not text/);
    }
    for (const annotations of ["x", 5, [], ["x"], { a: 1 }, { a: "", b: null }, { a: {} }]) {
      assertRefused({ ...document, annotations }, type, /annotations .*are not texts/);
    }
  }
});

test("parseManifest refuses a descriptor with an artifact type or annotations not text", () => {
  const name = "org.opencontainers.image.ref.name";
  for (const annotations of ["x", 5, [], { [name]: 5 }, { [name]: ["v1"] }, { a: null }]) {
    assertDescriptorRefused({ annotations }, /annotations/);
  }
  for (const artifactType of [5, {}, ["a/b"]]) {
    assertDescriptorRefused({ artifactType }, /artifactType/);
  }
});

test("parseManifest refuses what is no JSON object, and fast", () => {
  const size = 64 * 1024;
  const texts = [
    ...[" ", "{", "}", "nul", "{'a':1}", "{a:1}", '{"a":1,}', "\0", "<html>", "{}{}"],
    ...["NaN", JSON.stringify(IMAGE).slice(0, -1), `${JSON.stringify(IMAGE)}x`, "//\n{}"],
    ...["[".repeat(size), '{"a":'.repeat(size / 4), `"${"a".repeat(size)}`, "1".repeat(size)],
  ];
  for (const text of texts) {
    assertFast(
      JSON.stringify(text.slice(0, 20)),
      () => assertRefused(text, OCI_MANIFEST, /JSON|nested/),
    );
  }
  assertRefused("", OCI_MANIFEST, /it is empty/);
  for (const value of [null, [], [IMAGE], 2, "x", true]) {
    assertRefused(JSON.stringify(value), OCI_MANIFEST, /not a JSON object/);
  }
});

test("parseManifest refuses bytes that are not UTF-8", () => {
  const text = encode({ ...IMAGE, annotations: { a: "@" } });
  const at = text.indexOf("@".charCodeAt(0));
  for (const byte of [0x80, 0xc0, 0xed, 0xff]) {
    assertRefused(text.with(at, byte), OCI_MANIFEST, /not JSON/);
  }
  assertRefused(new Uint8Array([0xff, 0xfe, 0x7b, 0, 0x7d, 0]), OCI_MANIFEST, /not JSON/);
});

test("parseManifest is not misled by names that every object has", () => {
  const text = `{"__proto__":${JSON.stringify({ ...IMAGE, mediaType: OCI_MANIFEST })}}`;
  assertRefused(text, "", /does not say, nor look like/);
  assertRefused(text, OCI_MANIFEST, /schemaVersion/);
  const child = `{"__proto__":${JSON.stringify(CHILD)}}`;
  assertRefused(`{"schemaVersion":2,"manifests":[${child}]}`, OCI_INDEX, /has no mediaType/);
  const noted = `{"schemaVersion":2,"manifests":[],"annotations":{"__proto__":"x","a":"b"}}`;
  assert.equal(parseManifest(encode(noted), OCI_INDEX).annotations?.["a"], "b");
});

test("parseManifest throws nothing but INVALID_RESPONSE for garbage", () => {
  let taken = 0;
  forEachSeed(3000, (random) => {
    const [document, type] = random.pick([[IMAGE, OCI_MANIFEST], [INDEX, OCI_INDEX]] as const);
    const bytes = random.pick([randomBytes, damaged, exchanged])(random, document);
    const sent = random.pick([type, type, "", DOCKER_MANIFEST, DOCKER_MANIFEST_LIST]);
    const manifest = tryParse(bytes, sent);
    if (manifest === undefined) return;
    taken++;
    const { config, layers, manifests, subject } = manifest;
    for (const descriptor of [...layers, ...manifests, config ?? [], subject ?? []].flat()) {
      assert.notEqual(tryParseDigest(descriptor.digest), undefined);
      assert.ok(Number.isSafeInteger(descriptor.size) && descriptor.size >= 0);
    }
    assert.ok(config === undefined || manifests.length === 0);
  });
  assert.ok(taken > 100, `only ${taken} documents were valid`);
});

test("artifactTypeOf prefers the artifact type to the type of the config", () => {
  const table: readonly (readonly [Fields, string, string | undefined])[] = [
    [{ ...IMAGE, artifactType: "a/b" }, OCI_MANIFEST, "a/b"],
    [{ ...IMAGE, artifactType: "" }, OCI_MANIFEST, CONFIG_TYPE],
    [IMAGE, OCI_MANIFEST, CONFIG_TYPE],
    [IMAGE, DOCKER_MANIFEST, CONFIG_TYPE],
    [{ ...INDEX, artifactType: "a/b" }, OCI_INDEX, "a/b"],
    [INDEX, OCI_INDEX, undefined],
  ];
  for (const [document, type, expected] of table) {
    const what = JSON.stringify(document);
    assert.equal(artifactTypeOf(parseManifest(encode(document), type)), expected, what);
  }
});

function randomBytes(random: Random): Uint8Array {
  return Uint8Array.from({ length: random.below(60) }, () => random.below(256));
}

/** One to three bytes are not what they were. */
function damaged(random: Random, document: Fields): Uint8Array {
  const bytes = encode(document);
  for (let i = 0; i <= random.below(3); i++) {
    bytes[random.below(bytes.length)] = random.pick([...encode('{}[]",:0a-\n'), 0, 0xff, 0xc3]);
  }
  return bytes;
}

/** Some values are of another kind. */
function exchanged(random: Random, document: Fields): Uint8Array {
  const values = [null, [], {}, "", "x", 0, -1, 1.5, true, CONFIG, [LAYER], [null], { a: "b" }];
  const names = ["config", "layers", "manifests", "subject", "annotations", "artifactType", "x"];
  return encode({
    ...document,
    [random.pick(names)]: random.pick(values),
    [random.pick(names)]: random.pick(values),
  });
}

function tryParse(bytes: Uint8Array, type: string): Manifest | undefined {
  try {
    return parseManifest(bytes, type);
  } catch (error) {
    assert.ok(error instanceof RegctlError && /^(INV|UNS)/.test(error.code), String(error));
    return undefined;
  }
}

/** Asserts that a change of any descriptor makes the manifest one that is refused. */
function assertDescriptorRefused(change: Fields, rule: RegExp): void {
  const table: readonly (readonly [Fields, string, string])[] = [
    [{ ...IMAGE, config: { ...CONFIG, ...change } }, OCI_MANIFEST, '"config"'],
    [{ ...IMAGE, layers: [LAYER, { ...LAYER, ...change }] }, OCI_MANIFEST, '"layers[1]"'],
    [{ ...INDEX, manifests: [{ ...CHILD, ...change }] }, OCI_INDEX, '"manifests[0]"'],
    [{ ...IMAGE, subject: { ...CHILD, ...change } }, OCI_MANIFEST, '"subject"'],
    [{ ...INDEX, subject: { ...CHILD, ...change } }, OCI_INDEX, '"subject"'],
  ];
  for (const [document, type, where] of table) {
    const { message } = assertRefused(document, type, rule);
    assert.ok(message.includes(where), `${message}: ${where} is not named`);
  }
}

function assertRefused(document: unknown, type: string, rule: RegExp): RegctlError {
  const bytes = document instanceof Uint8Array ? document : encode(document);
  const what = new TextDecoder().decode(bytes).slice(0, 300);
  let error: unknown;
  try {
    parseManifest(bytes, type);
  } catch (thrown) {
    error = thrown;
  }
  assert.ok(error instanceof RegctlError, `${error ?? "nothing thrown"}: ${what}`);
  assert.equal(error.code, "INVALID_RESPONSE", what);
  assert.match(error.message, rule, what);
  return error;
}
