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
