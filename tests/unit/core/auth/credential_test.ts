import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";

import {
  type Credential,
  describeCredential,
  formatBasic,
  secretsOf,
} from "../../../../core/auth/credential.ts";

const PASSWORD: Credential = { kind: "password", username: "ann", password: "canary", source: "s" };
const IDENTITY: Credential = { kind: "identityToken", identityToken: "canary", source: "s" };
const REGISTRY: Credential = { kind: "registryToken", registryToken: "canary", source: "s" };

test("formatBasic encodes as RFC 7617 says, in UTF-8", () => {
  const table: readonly (readonly [string, string, string])[] = [
    ["Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="],
    ["test", "123\u00a3", "Basic dGVzdDoxMjPCow=="],
    ["", "", "Basic Og=="],
    ["a", "b:c:", "Basic YTpiOmM6"],
  ];
  for (const [username, password, expected] of table) {
    assert.equal(formatBasic(username, password), expected);
  }
});

test("formatBasic takes any character and any length", () => {
  for (const password of ["日本\u{1f511}", "\0\n", "x".repeat(1_000_000)]) {
    const decoded = Buffer.from(formatBasic("a", password).slice("Basic ".length), "base64");
    assert.equal(decoded.toString("utf8") === `a:${password}`, true);
  }
});

test("describeCredential names the user and the place and no secret", () => {
  assert.equal(describeCredential(undefined), "anonymously");
  assert.equal(describeCredential(PASSWORD), 'as "ann" (from s)');
  assert.equal(describeCredential(IDENTITY), "with the token from s");
  assert.equal(describeCredential(REGISTRY), "with the token from s");
});

test("secretsOf names each form in which a secret is sent", () => {
  assert.deepEqual(secretsOf(PASSWORD), ["canary", "YW5uOmNhbmFyeQ=="]);
  assert.deepEqual(secretsOf(IDENTITY), ["canary"]);
  assert.deepEqual(secretsOf(REGISTRY), ["canary"]);
});
