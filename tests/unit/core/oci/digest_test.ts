import assert from "node:assert/strict";
import { test } from "node:test";

import { RegctlError } from "../../../../core/errors.ts";
import { assertVerifiableDigest, isDigest, tryParseDigest } from "../../../../core/oci/digest.ts";
import { forEachSeed } from "../../../support/random.ts";

const HEX = "0123456789abcdef";
const LETTERS_AND_DIGITS = "abcdefghijklmnopqrstuvwxyz0123456789";
const SHA256 = `sha256:${"0123456789abcdef".repeat(4)}`;
const SHA512 = `sha512:${"0123456789abcdef".repeat(8)}`;

/** Far above what is needed on a busy machine, far below what backtracking would take. */
const SLOW_MS = 250;

/** Not even of the grammar. */
const HOSTILE = [
  ...["", ":", "sha256", "sha256:", ":abc", "sha256::abc", "sha256:a:b", "SHA256:abc", "a b:c"],
  ...["+a:b", "a+:b", "a++b:c", "a.-b:c", "sha256:../../x", "sha256:%2e%2e", "sha256:a/b"],
  ...["sha256:abc\n", "\nsha256:abc", "sha256:a\r\nb", "sha256:a\tb", "sha256:a\0", "sha256: a"],
  ...["sha256:\u0430", "sha256:é", "\u0455ha256:abc", "sha256:a@b", "sha256:a?b", "sha256:a#b"],
  ...["a".repeat(50_000), "a+".repeat(25_000), `sha256:${"a".repeat(50_000)}/`],
];

test("isDigest accepts the grammar, whatever the algorithm", () => {
  const digests = [
    SHA256,
    SHA512,
    "sha256:cafebabe",
    "a:b",
    "sha256+b64u:LCa0a2j_xo=",
    "x.y-z_0:A-_=",
  ];
  for (const digest of digests) assert.equal(isDigest(digest), true, digest);
});

test("isDigest refuses everything else, and fast", () => {
  for (const text of HOSTILE) {
    const start = performance.now();
    assert.equal(isDigest(text), false, JSON.stringify(text.slice(0, 40)));
    assert.ok(performance.now() - start < SLOW_MS, `slow: ${JSON.stringify(text.slice(0, 40))}`);
  }
});

test("isDigest holds for random digests and for none with one forbidden character", () => {
  forEachSeed(300, (random) => {
    const parts = Array.from({ length: 1 + random.below(3) }, () => {
      return random.text(LETTERS_AND_DIGITS, 1, 6);
    });
    const algorithm = parts.reduce((joined, part) => joined + random.pick([..."+._-"]) + part);
    const digest = `${algorithm}:${random.text(`${LETTERS_AND_DIGITS}ABCXYZ=_-`, 1, 140)}`;
    assert.equal(isDigest(digest), true, digest);
    const at = random.below(digest.length);
    const wrong = digest.slice(0, at) + random.text(" /@%~?#\n\0é\u0430", 1, 1) +
      digest.slice(at + 1);
    assert.equal(isDigest(wrong), false, JSON.stringify(wrong));
  });
});

test("assertVerifiableDigest lets sha256 and sha512 pass", () => {
  assertVerifiableDigest(SHA256);
  assertVerifiableDigest(SHA512);
});

test("assertVerifiableDigest names the broken rule", () => {
  const table: readonly (readonly [string, RegExp])[] = [
    ["sha256:cafebabe", /sha256 needs 64 hexadecimal digits, not 8/],
    [SHA256.slice(0, -1), /needs 64 hexadecimal digits, not 63/],
    [`${SHA256}0`, /needs 64 hexadecimal digits, not 65/],
    [SHA512.slice(0, -1), /sha512 needs 128 hexadecimal digits, not 127/],
    [SHA256.toUpperCase(), /algorithm:encoded/],
    [SHA256.replace(":0", ":A"), /lower-case hexadecimal digits only/],
    [SHA256.replace(":0", ":g"), /lower-case hexadecimal digits only/],
    [SHA256.replace(":0", ":="), /lower-case hexadecimal digits only/],
    [`sha384:${HEX.repeat(6)}`, /algorithm "sha384"/],
    [`${"a".repeat(50_000)}:b`, /algorithm "a{40}"$/],
    // A name that every JavaScript object has must not count as an algorithm.
    ["constructor:a", /algorithm "constructor"/],
  ];
  for (const [digest, rule] of table) assertUsage(digest, rule);
});

test("assertVerifiableDigest refuses hostile input without repeating it", () => {
  for (const text of HOSTILE) {
    assertUsage(text, /^Invalid digest: it must have the form algorithm:encoded$/);
  }
});

test("assertVerifiableDigest refuses a digest with one wrong character", () => {
  forEachSeed(300, (random) => {
    const digest = `sha256:${random.text(HEX, 64, 64)}`;
    assertVerifiableDigest(digest);
    const at = "sha256:".length + random.below(64);
    const wrong = digest.slice(0, at) + random.text("gzAF=_-./ \n\0\u0430", 1, 1) +
      digest.slice(at + 1);
    assertUsage(wrong, /^Invalid digest: /);
  });
});

test("tryParseDigest gives the parts of a digest that can be verified, and nothing else", () => {
  const [hex64, hex128] = [HEX.repeat(4), HEX.repeat(8)];
  assert.deepEqual(tryParseDigest(SHA256), { algorithm: "sha256", encoded: hex64 });
  assert.deepEqual(tryParseDigest(SHA512), { algorithm: "sha512", encoded: hex128 });
  const others = [
    ...[`sha256:${hex128}`, `sha512:${hex64}`, SHA256.slice(0, -1), `${SHA256}0`, `${SHA512}0`],
    ...[SHA512.slice(0, -1), SHA256.toUpperCase(), `SHA256:${hex64}`, `sha256:${hex64}\n`],
    ...[SHA256.replace(":0", ":A"), `sha384:${HEX.repeat(6)}`, `sha1:${hex64}`, `sha256${hex64}`],
    ...[`sha256:../${hex64.slice(3)}`, `x${SHA256}`, `sha256:${hex64.replace("a", "\u0430")}`],
  ];
  for (const text of [...HOSTILE, ...others]) {
    assert.equal(tryParseDigest(text), undefined, JSON.stringify(text.slice(0, 40)));
  }
});

test("tryParseDigest takes exactly what assertVerifiableDigest lets pass", () => {
  let taken = 0;
  forEachSeed(500, (random) => {
    const algorithm = random.pick(["sha256", "sha512", "sha384", "sha256+b64"]);
    const encoded = random.text(random.pick([HEX, HEX, `${HEX}A`]), 0, 1) +
      random.text(HEX, 63, 63) + random.pick(["", "", random.text(HEX, 64, 64)]);
    const text = `${algorithm}:${encoded}`;
    const parts = tryParseDigest(text);
    if (parts === undefined) return assert.throws(() => assertVerifiableDigest(text), RegctlError);
    assertVerifiableDigest(text);
    assert.equal(`${parts.algorithm}:${parts.encoded}`, text);
    taken++;
  });
  assert.ok(taken > 50, `only ${taken} digests were valid`);
});

function assertUsage(digest: string, rule: RegExp): void {
  assert.throws(
    () => assertVerifiableDigest(digest),
    (error) => {
      assert.ok(error instanceof RegctlError, String(error));
      assert.equal(error.code, "USAGE");
      assert.match(error.message, rule);
      return true;
    },
  );
}
