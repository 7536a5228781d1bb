import assert from "node:assert/strict";
import { test } from "node:test";

import { askCredentialHelper } from "../../../../core/auth/credential_helper.ts";
import { RegctlError } from "../../../../core/errors.ts";
import { assertRejects } from "../../../support/assert_error.ts";
import { createFakeHost } from "../../../support/fake_host.ts";

const answer = (stdout: string, exitCode = 0) =>
  createFakeHost({ run: () => ({ exitCode, stdout }) });

test("askCredentialHelper asks by standard input and reads the answer", async () => {
  const host = answer('{"ServerURL":"h.example","Username":"ann","Secret":"pw"}\n');
  assert.deepEqual(await askCredentialHelper(host, "ecr-login", "h.example"), {
    kind: "password",
    username: "ann",
    password: "pw",
    source: "the helper docker-credential-ecr-login",
  });
  assert.deepEqual(host.runs, ["docker-credential-ecr-login get h.example"]);
});

test("askCredentialHelper takes the user <token> for an identity token", async () => {
  const host = answer('{"Username":"<token>","Secret":"refresh"}');
  const credential = await askCredentialHelper(host, "x", "h.example");
  assert.equal(credential?.kind === "identityToken" && credential.identityToken, "refresh");
});

test("askCredentialHelper runs nothing but a plain name", async () => {
  const names = [
    "../../evil",
    "/bin/sh",
    "a/b",
    "a\\b",
    "a b;touch x",
    "",
    "-x",
    ".x",
    "..",
    "a\n",
  ];
  names.push("$(id)", "a\0", "é", "a|b", "C:evil", "%2e%2e", " pass", "pass ");
  for (const name of names) {
    const host = answer('{"Username":"a","Secret":"b"}');
    await assertRejects(
      () => askCredentialHelper(host, name, "h.example"),
      "CONFIG",
      /helper name/,
    );
    assert.deepEqual(host.runs, [], name);
  }
});

test("askCredentialHelper tells 'there is none' from a failure", async () => {
  const none = answer("credentials not found in native keychain\n", 1);
  assert.equal(await askCredentialHelper(none, "x", "h.example"), undefined);
  // The same words from a helper that succeeded are no answer.
  for (const [text, exitCode] of [["credentials not found in native keychain", 0]] as const) {
    await assertRejects(
      () => askCredentialHelper(answer(text, exitCode), "x", "h"),
      "UNAUTHORIZED",
    );
  }
  const failures: readonly (readonly [string, number, RegExp])[] = [
    [
      "pass not initialized\nsecond line",
      1,
      /docker-credential-x .*h\.example: pass not initialized$/,
    ],
    ["no credentials server URL", 1, /no credentials server URL/],
    ["Credentials not found in native keychain", 1, /Credentials not found/],
    ["", 1, /exit code 1$/],
    ["", -1, /exit code -1$/],
  ];
  for (const [stdout, exitCode, message] of failures) {
    const run = () => askCredentialHelper(answer(stdout, exitCode), "x", "h.example");
    await assertRejects(run, "UNAUTHORIZED", message);
  }
});

test("askCredentialHelper never repeats the output of a helper that succeeded", async () => {
  const answers = [
    ...["canary", '{"Username":"ann","Secret":"canary"', "null", "[]", '"canary"', "{}", "", "1"],
    ...['{"Username":"ann"}', '{"Secret":"canary"}', '{"Username":"ann","Secret":["canary"]}'],
    ...['{"Username":1,"Secret":"canary"}', '{"__proto__":{"Username":"a","Secret":"canary"}}'],
  ];
  for (const stdout of answers) {
    const run = () => askCredentialHelper(answer(stdout), "x", "h.example");
    const error = await assertRejects(run, "UNAUTHORIZED", /docker-credential-x .*not understood/);
    assert.doesNotMatch(`${error.message} ${error.hint} ${error.cause}`, /canary/, stdout);
  }
});

test("askCredentialHelper cuts a long complaint", async () => {
  const error = await assertRejects(
    () => askCredentialHelper(answer("x".repeat(100_000), 1), "x", "h"),
    "UNAUTHORIZED",
  );
  assert.ok(error.message.length < 400);
});

test("askCredentialHelper says what to do where the helper is missing", async () => {
  const run = () => askCredentialHelper(createFakeHost(), "pass", "h.example");
  const error = await assertRejects(run, "CONFIG", /docker-credential-pass is not on PATH/);
  assert.match(error.hint ?? "", /credHelpers/);
});

test("askCredentialHelper names a helper that hangs and lets bugs through", async () => {
  const hang = createFakeHost({
    run: (_, { timeoutMs }) => {
      throw new RegctlError("TIMEOUT", `no answer within ${timeoutMs} ms`);
    },
  });
  await assertRejects(() => askCredentialHelper(hang, "x", "h"), "UNAUTHORIZED", /x .*30000 ms/);
  const bug = createFakeHost({
    run: () => {
      throw new TypeError("a bug");
    },
  });
  await assert.rejects(() => askCredentialHelper(bug, "x", "h"), TypeError);
});
