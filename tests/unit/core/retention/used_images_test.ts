import assert from "node:assert/strict";
import { test } from "node:test";

import { readUsedImages } from "../../../../core/retention/used_images.ts";
import { formatReference } from "../../../../core/reference/reference.ts";
import { assertRejects } from "../../../support/assert_error.ts";

const HEX = "0123456789abcdef".repeat(4);
const DIGEST = `sha256:${HEX}`;

/** `reference source` of each image. */
const read = async (text: string) =>
  (await readUsedImages(text, "f")).map(({ reference, source }) =>
    `${formatReference(reference)} ${source}`
  );

test("plain lines are references", async () => {
  const table: readonly (readonly [string, readonly string[]])[] = [
    ["nginx", ["nginx:latest f:1"]],
    ["nginx:1\nquay.io/a/b:2\n", ["nginx:1 f:1", "quay.io/a/b:2 f:2"]],
    ["# web: these\r\n\r\n  nginx:1  # one: two\r\n", ["nginx:1 f:3"]],
    ["\ufeffnginx:1", ["nginx:1 f:1"]],
    [`localhost:5000/a\nnginx@${DIGEST}`, ["localhost:5000/a:latest f:1", `nginx@${DIGEST} f:2`]],
    [`app:${HEX}`, [`app:${HEX} f:1`]],
    ["docker.io/library/nginx:1\rindex.docker.io/nginx:2", ["nginx:1 f:1", "nginx:2 f:2"]],
  ];
  for (const [text, expected] of table) assert.deepEqual(await read(text), expected, text);
});

test("YAML and JSON name images under image and imageID", async () => {
  const pod = {
    spec: { containers: [{ image: "nginx:1" }], initContainers: [{ image: "init:2" }] },
    status: {
      containerStatuses: [
        { image: "nginx:1", imageID: `docker-pullable://nginx@${DIGEST}` },
        { image: DIGEST, imageID: `docker://${DIGEST}` },
        { image: "a:1", imageID: "" },
        { image: "b:1", imageID: HEX },
        { image: "c:1", imageID: `quay.io/c@${DIGEST}` },
        { image: "d:1", imageID: `d:${HEX}` },
      ],
    },
  };
  const images = ["nginx:1", "init:2", "nginx:1", `nginx@${DIGEST}`, "a:1", "b:1", "c:1"]
    .concat(`quay.io/c@${DIGEST}`, "d:1", `d:${HEX}`).map((image) => `${image} f`);
  const table: readonly (readonly [string, readonly string[]])[] = [
    [JSON.stringify({ kind: "List", items: [pod] }), images],
    [JSON.stringify({ items: [pod] }, null, 2), images],
    ["services:\n  web:\n    image: nginx:1\n  db: {image: 'pg:2'}", ["nginx:1 f:3", "pg:2 f:4"]],
    ["image: a:1\n---\n# nothing\n---\nx: [{image: b:2}]\n...\n", ["a:1 f:1", "b:2 f:5"]],
    ["image: >-\n  a:1", ["a:1 f:1"]],
    ["image: [a:1, b:2]", ["a:1 f:1", "b:2 f:1"]],
    ["- a:1\n- image: b:2", ["a:1 f:1", "b:2 f:2"]],
    ['["a:1", "b:2"]', ["a:1 f", "b:2 f"]],
    ["x: &x a:1\nimage: *x", ["a:1 f:1"]],
    ["b: &b {image: a:1}\nweb: {<<: *b}\ndb: {<<: *b, image: c:1}", ["a:1 f:1", "c:1 f:3"]],
    ["image: a:1\nimage: b:1", ["a:1 f:1", "b:1 f:2"]],
    ["__proto__: {image: a:1}", ["a:1 f:1"]],
    ['{"__proto__": {"image": "a:1"}}', ["a:1 f"]],
    ["\ufeffimage: a:1", ["a:1 f:1"]],
    ['\ufeff{"image": "a:1"}', ["a:1 f"]],
    ["%YAML 1.1\n---\nx: !!omap [image: a:1]", ["a:1 f:3"]],
    ["image: a:1\ntag: 2", ["a:1 f:1"]],
    ["image: a:1\nopenAPIV3Schema: {image: {type: string}}", ["a:1 f:1"]],
    ["volumes: [{image: {reference: a:1, pullPolicy: Always}}]", ["a:1 f:1"]],
  ];
  for (const [text, expected] of table) assert.deepEqual(await read(text), expected, text);
});

test("a mapping under image is read as Helm has it", async () => {
  const table: readonly (readonly [string, string])[] = [
    ["{repository: a, tag: '1.10', pullPolicy: Always}", "a:1.10"],
    ["{repository: quay.io/a/b, tag: 7}", "quay.io/a/b:7"],
    ["{registry: quay.io, repository: a/b, tag: v1}", "quay.io/a/b:v1"],
    ["{registry: 'quay.io/a/', repository: b, tag: v1}", "quay.io/a/b:v1"],
    ["{registry: '', repository: a, tag: v1, digest: ''}", "a:v1"],
    [`{repository: a, digest: '${DIGEST}'}`, `a@${DIGEST}`],
    [`{repository: a, tag: v1, digest: '${DIGEST}'}`, `a:v1@${DIGEST}`],
    [`{repository: a, tag: 'v1@${DIGEST}'}`, `a:v1@${DIGEST}`],
    ["{repository: 'a:v1', tag: null}", "a:v1"],
  ];
  for (const [image, expected] of table) {
    assert.deepEqual(await read(`web:\n  image: ${image}`), [`${expected} f:2`], image);
  }
  const global = "global: {imageRegistry: ''}\n";
  assert.deepEqual(await read(`${global}image: {repository: a, tag: b}`), ["a:b f:2"]);
});

test("what is not understood is an error that says where", async () => {
  const deep = (open: string, close: string, count: number) =>
    open.repeat(count) + "image: a:1" + close.repeat(count);
  const table: readonly (readonly [string, RegExp])[] = [
    ["", /^Cannot use f: it names no image$/],
    ["# none\n\n", /names no image$/],
    ["---\n", /names no image$/],
    ["{}", /names no image$/],
    ["kind: List\nitems: []", /names no image$/],
    ["quay.io/a: 1", /names no image$/],
    ["nginx:1\nNginx:2", /^Cannot use f:2: invalid reference "Nginx:2": upper-case/],
    ["nginx:1 redis:2", /^Cannot use f:1: invalid reference "nginx:1 redis:2"/],
    ["nginx:1#x", /^Cannot use f:1: invalid reference/],
    ["Error from server (Forbidden)", /^Cannot use f:1: invalid reference/],
    ["error: You must be logged in", /names no image$/],
    [DIGEST, /"sha256:0123.*" is the ID of an image/],
    ["nginx:1\n0123456789ab", /^Cannot use f:2: "0123456789ab" is the ID of an image/],
    [`image: ${DIGEST}`, /is the ID of an image/],
    [`image: ${DIGEST}\nimageID: ''`, /is the ID of an image/],
    ["a:${TAG}", /^Cannot use f:1: "a:\$\{TAG\}" holds a variable$/],
    ["x: 1\nimage: a:$TAG", /^Cannot use f:2: "a:\$TAG" holds a variable$/],
    ["image: 'a:{{ .Values.x }}'", /holds a variable$/],
    ["image: {{ .Values.image }}", /^Cannot use f:1: a key is not a text$/],
    ["{{ .Values.x }}: 1", /a key is not a text$/],
    ["image: {{ .a }}:{{ .b }}", /^Cannot read f:1: it is not YAML: /],
    ["{{- if .Values.x }}\nimage: a:1\n{{- end }}", /^Cannot read f:\d+: it is not YAML/],
    ["image: Nginx", /^Cannot use f:1: invalid reference "Nginx"/],
    ["image:", /^Cannot use f:1: an image is not a text$/],
    ["image: ''", /an image is not a text$/],
    ["image: 1.10", /an image is not a text$/],
    ["image: true", /an image is not a text$/],
    ["image: !!binary bmdpbng6MQ==", /an image is not a text$/],
    ["image: !Ref nginx", /an image is not a text$/],
    ["image: {repository: a, tag: !env b}", /is not a text, and has no quotes$/],
    ["image: [a:1, [b:1]]", /an image is not a text$/],
    ["image: [a:1, {image: b:1}]", /an image is not a text$/],
    ["- a:1\n- 7", /^Cannot use f:2: an image is not a text$/],
    ["imageID: 7.0", /is not a text, and has no quotes$/],
    ["imageID: [a]", /is not a text, and has no quotes$/],
    ["imageID: 'docker-pullable://A@b'", /invalid reference/],
    ["a:1\n---\nimage: b:1", /^Cannot use f:1: a document is only a text$/],
    ["image: {tag: 1}", /^Cannot use f:1: a mapping under image does not say which image it is$/],
    ["image: {pullPolicy: Always}", /does not say which/],
    ["image: {}", /does not say which/],
    ["b: &b {registry: q.io}\nimage: {<<: *b, repository: a, tag: b}", /does not say which/],
    ["image: {repository: a}", /^Cannot use f:1: "a" has no tag, so that the chart's own is used$/],
    ["image: {repository: 'h.io:5000/a', tag: ''}", /has no tag/],
    ["image: {repository: a, tag: 1.10}", /is not a text, and has no quotes$/],
    ["image: {repository: a, tag: 1e3}", /is not a text, and has no quotes$/],
    ["image: {repository: [a], tag: b}", /is not a text, and has no quotes$/],
    ["image: {repository: a, tag: '$b'}", /holds a variable$/],
    ["image: {registry: hub, repository: a, tag: b}", /"hub" is no registry$/],
    ["image: a\nimageTag: b", /the tag of "a" stands in a key of its own$/],
    ["image: h.io:5000/a\ntag: 1.10", /stands in a key of its own$/],
    [
      "global: {imageRegistry: q.io}\nimage: {repository: a, tag: b}",
      /^Cannot use f:1: imageRegistry changes the names of the images$/,
    ],
    ["image: a:1\nx: [", /^Cannot read f:2: it is not YAML: /],
    ["image: a:1\n\tx: 1", /^Cannot read f:\d: it is not YAML: /],
    ['{"image": "a:1"}\n{"image": "b:1"}', /^Cannot read f:\d: it is not YAML: /],
    ["image: *a", /nothing is named by the alias \*a$/],
    ["x: &a [*a]\nimage: a:1", /nothing is named by the alias/],
    ["image: a:1\n%x: @", /it is not YAML/],
    ["image: 'a\u001b[2J:1'", /^Cannot /],
    [`image: '${"a".repeat(5000)}:é'`, /^Cannot use f:1: invalid reference "a{80}/],
    [deep("[", "]", 101), /nested more than 100 deep$/],
    [deep("[", "]", 120).replace("image: a:1", '{"image": "a:1"}'), /nested more than 100 deep$/],
    [deep("{a: ", "}", 50_000), /^Cannot read f:\d+: it is nested more than 100 deep$/],
    [
      deep("[", "]", 20_000).replace("image: a:1", '{"image": "a:1"}'),
      /nested more than 100 deep$/,
    ],
  ];
  for (const [text, message] of table) {
    const error = await assertRejects(() => readUsedImages(text, "f"), "CONFIG", message);
    assert.ok(error.message.length < 400, error.message);
    assert.ok(!/\p{Cc}/u.test(error.message), JSON.stringify(error.message));
  }
});

test("the hint says what to do", async () => {
  const render = /^Render it first: docker compose config, helm template$/;
  const table: readonly (readonly [string, RegExp])[] = [
    ["", /^Check the command that wrote it/],
    ["image: a:${TAG}", render],
    ["a:$TAG", render],
    ["image: {{ .a }}", render],
    ["image: {{ .a }}:{{ .b }}", render],
    ["{{- if .x }}\nimage: a:1\n{{- end }}", render],
    ["image: {repository: a}", render],
  ];
  for (const [text, hint] of table) {
    const error = await assertRejects(() => readUsedImages(text, "f"), "CONFIG");
    assert.match(error.hint ?? "", hint, text);
  }
});

test("one hundred levels are read", async () => {
  const text = `${"[".repeat(98)}{image: a:1}${"]".repeat(98)}`;
  assert.deepEqual(await read(text), ["a:1 f:1"]);
});

test("aliases that multiply are looked at once", async () => {
  const start = performance.now();
  const lists = Array.from(
    { length: 90 },
    (_, i) => `a${i}: &a${i} [${i ? `*a${i - 1}, `.repeat(9) : "{image: a:1}"}]`,
  ).join("\n");
  assert.deepEqual(await read(lists), ["a:1 f:1"]);
  const chain = Array.from(
    { length: 5000 },
    (_, i) => `a${i}: &a${i} [${i ? `*a${i - 1}` : "{image: a:1}"}]`,
  ).join("\n");
  await assertRejects(() => read(chain), "CONFIG", /nested more than 100 deep/);
  const wide = `l: &l [${"a:1, ".repeat(2000)}]\nx: [${"{image: *l}, ".repeat(2000)}]`;
  assert.equal((await read(wide)).length, 2000);
  assert.ok(performance.now() - start < 8000);
});

test("many pods are read in no time", async () => {
  const items = Array.from({ length: 20_000 }, (_, i) => ({
    metadata: { name: `p${i}`, labels: { app: "a" } },
    spec: { containers: [{ image: `app:${i}` }] },
  }));
  const start = performance.now();
  assert.equal((await read(JSON.stringify({ items }))).length, items.length);
  assert.equal((await read(items.map((_, i) => `app:${i}\n`).join(""))).length, items.length);
  assert.ok(performance.now() - start < 3000);
});
