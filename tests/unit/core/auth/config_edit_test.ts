import assert from "node:assert/strict";
import { test } from "node:test";

import { formatEntry, removeEntries, setEntry } from "../../../../core/auth/config_edit.ts";
import { findAuth, parseDockerConfig } from "../../../../core/auth/docker_config.ts";
import { assertRejects } from "../../../support/assert_error.ts";
import { forEachSeed } from "../../../support/random.ts";

const PLACE = { source: "c.json", registryHost: "h.test", key: "h.test" };
const ENTRY = formatEntry({ kind: "password", username: "ann", password: "pw", source: "x" });
const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array | undefined) => bytes && new TextDecoder().decode(bytes);

test("71: formatEntry writes what is read again, and what skopeo looks at", () => {
  const source = "c.json";
  const cases = [
    { kind: "password", username: "ann", password: "p:ä\u{1f511}:", source },
    { kind: "password", username: "日本", password: " ", source },
    { kind: "identityToken", identityToken: "a:b", source },
  ] as const;
  for (const credential of cases) {
    const bytes = setEntry(undefined, PLACE, formatEntry(credential));
    const config = parseDockerConfig(decode(bytes) ?? "", source);
    assert.deepEqual(findAuth(config, "h.test", source), credential);
    assert.equal(typeof formatEntry(credential)["auth"], "string");
  }
});

test("69: setEntry and removeEntries leave all else as it is, whatever it is", () => {
  forEachSeed(300, (random) => {
    const value = (depth = 0): unknown =>
      depth > 2 || random.below(3) === 0
        ? random.pick([1.5, null, true, 'ü\n\\"', "", [], [1, { a: 2 }]])
        : Object.fromEntries(names().map((name) => [name, value(depth + 1)]));
    // None that JSON escapes: V8 15.0 can take one escaped key for another.
    const names = () => Array.from({ length: random.below(5) }, () => random.text("ab_é:/", 1, 4));
    const auths = Object.fromEntries(
      ["__proto__", ...names(), "h.test:80", "h.test/team"].map((name) => [name, value()]),
    );
    const document = JSON.stringify({
      ...Object.fromEntries(names().map((n) => [n, value()])),
      auths,
    });
    const added = setEntry(encode(document), PLACE, ENTRY);
    const expected = JSON.parse(document);
    assert.deepEqual(
      JSON.parse(decode(added) ?? ""),
      { ...expected, auths: { ...expected.auths, "h.test": ENTRY } },
    );
    assert.equal(setEntry(added, PLACE, ENTRY), undefined);
    const removed = decode(removeEntries(added, PLACE)) ?? "";
    assert.equal(JSON.stringify(JSON.parse(removed)), document);
    assert.equal(removeEntries(encode(removed), PLACE), undefined);
  });
});

test("73: what cannot be understood is refused, and never shown", async () => {
  const broken = [
    ...["{canary", "[]", '"canary"', '{"auths":"canary"}', '{"auths":["canary"]}'],
    ...['{"auths":{"h.test":"canary"}}', '{"auths":{"h.test":["canary"]}}'],
  ];
  for (const text of broken) {
    const error = await assertRejects(
      () => setEntry(encode(text), PLACE, ENTRY),
      "CONFIG",
      /c\.json/,
    );
    assert.doesNotMatch(`${error.message} ${error.hint} ${error.cause}`, /canary/);
  }
});

test("69: what stands before and behind auths is kept, byte by byte", () => {
  const old = '{ "h.test" : {"auth":"eDp5"} }';
  const cases = [
    ['{"auths":', "}"],
    ['{\r\n  "a": 1.0,\r\n  "auths" :\t', "\r\n}\r\n"],
    ['\n\t{\t"big": 12345678901234567890 ,"auths":\n', ' , "e":1e3}\n\n'],
    ['{"c":"// no \\" comment /* auths\\":{ */","auths":', ',"z":"}{,\\\\"}'],
    ['{"x":{"auths":{"h.test":1}},"l":["auths",{"auths":2}],"auths":', ',"y":{"auths":{}}}'],
    ['{"s":"auths","\\u0061uths":', ',"auth":{}}'],
    ['{"ü日\u{1f511}":"auths","auths":', ',"\\u00fc":"\\/"} '],
  ] as const;
  for (const [head, tail] of cases) {
    for (const value of [old, "{}", "null", '{"h.test":{"auth":"eDp5"},\r\n"b.test":{}}']) {
      const text = head + value + tail;
      const written = decode(setEntry(encode(text), PLACE, ENTRY)) ?? "";
      assert.ok(written.startsWith(head), written);
      assert.ok(written.endsWith(tail), written);
      assert.deepEqual(JSON.parse(written).auths["h.test"], ENTRY);
      const removed = decode(removeEntries(encode(written), PLACE)) ?? "";
      assert.ok(removed.startsWith(head) && removed.endsWith(tail), removed);
      assert.deepEqual(
        JSON.parse(removed),
        { ...JSON.parse(text), auths: value.includes("b.test") ? { "b.test": {} } : {} },
      );
    }
  }
});

test("69: auths that are not there yet come last, and the end of the file stays", () => {
  const auths = `"auths": {\n\t\t"h.test": {\n\t\t\t"auth": "${ENTRY["auth"]}"\n\t\t}\n\t}\n`;
  const cases = [
    ["", `{\n\t${auths}}`],
    ["\n", `{\n\t${auths}}\n`],
    ["{}", `{\n\t${auths}}`],
    ["{ }\n", `{\n\t${auths}}\n`],
    ['{"a":{}}', `{"a":{},\n\t${auths}}`],
    ['{\r\n "a": "}"\r\n}\r\n', `{\r\n "a": "}",\n\t${auths}}\r\n`],
    ['{"x":{"auths":{}}}\n', `{"x":{"auths":{}},\n\t${auths}}\n`],
    // A byte order mark is no JSON, and other readers stumble over it.
    ['\uFEFF{"a":1}', `{"a":1,\n\t${auths}}`],
  ] as const;
  for (const [text, expected] of cases) {
    assert.equal(decode(setEntry(encode(text), PLACE, ENTRY)), expected);
    assert.equal(removeEntries(encode(text), PLACE), undefined);
  }
});

test("69: the last entry that goes leaves an empty object", () => {
  const text = '{"auths":{"h.test":{"auth":"eDp5"}}, "a":1}\n';
  assert.equal(decode(removeEntries(encode(text), PLACE)), '{"auths":{}, "a":1}\n');
});

test("73: a key that is there twice is refused where it is about log-ins", async () => {
  const broken = [
    ['{"auths":{},"auths":{}}', "auths"],
    ['{"auths":{},"\\u0061uths":{}}', "auths"],
    ['{"auths":{"h.test":{},"h.test":{}}}', "h.test"],
    ['{"auths":{"h.test":{"auth":"eDp5","auth":"eDp5"}}}', "auth"],
    ['{"x":1,"auths":{"h.test":{}},"x":2}', "x"],
  ] as const;
  for (const [text, key] of broken) {
    const message = new RegExp(`^Cannot use c\\.json: it has "${key}" twice$`);
    await assertRejects(() => setEntry(encode(text), PLACE, ENTRY), "CONFIG", message);
    await assertRejects(() => removeEntries(encode(text), PLACE), "CONFIG", message);
  }
  // What is deeper beside them is not touched.
  const beside = '{"x":[{"y":1,"y":1}],"auths":{"h.test":{"auth":"eDp5"}}}';
  const left = decode(removeEntries(encode(beside), PLACE));
  assert.equal(left, '{"x":[{"y":1,"y":1}],"auths":{}}');
});
