import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { hash } from "bcryptjs";

import { createAuthenticate } from "../../../../core/server/htpasswd.ts";
import { assertRejects } from "../../../support/assert_error.ts";

/** The least that bcrypt allows: a test need not be slow. */
const COST = 4;
const FILE = "/etc/regctl/htpasswd";

const ANNA = `anna:${await hash("s3cret", COST)}`;
const BERT = `bert:${await hash("other", COST)}`;

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

test("a known user with the right password passes, and nobody else", async () => {
  const authenticate = await createAuthenticate(`${ANNA}\n${BERT}\n`, FILE);
  const table: readonly (readonly [string, string, boolean])[] = [
    ["anna", "s3cret", true],
    ["bert", "other", true],
    ["anna", "other", false],
    ["bert", "s3cret", false],
    ["anna", "", false],
    ["anna", "s3cre", false],
    ["anna", "s3crett", false],
    ["anna", "S3CRET", false],
    ["anna", " s3cret", false],
    ["Anna", "s3cret", false],
    ["anna ", "s3cret", false],
    // Its check runs against the hash of the first user.
    ["carl", "s3cret", false],
    ["", "s3cret", false],
    ["", "", false],
    ["constructor", "s3cret", false],
    ["__proto__", "s3cret", false],
  ];
  for (const [user, password, expected] of table) {
    assert.equal(await authenticate(basic(user, password)), expected, `${user}:${password}`);
  }
});

test("what is no Basic header does not pass", async () => {
  const authenticate = await createAuthenticate(ANNA, FILE);
  const right = basic("anna", "s3cret");
  const encoded = right.slice("Basic ".length);
  assert.equal(await authenticate(right), true);
  assert.equal(await authenticate(`basic ${encoded}`), true);
  assert.equal(await authenticate(`BASIC  ${encoded}`), true);
  const headers = [
    ...[undefined, "", "Basic", "Basic ", "Basic =", "Basic ====", encoded, `Bearer ${encoded}`],
    ...[`Digest ${encoded}`, `Basic${encoded}`, `Basic ${right}`, `${right},`, `${right} x`],
    ...[`x ${right}`, `${right}\n`, `${right}, ${right}`, "Basic !!!!", "Basic anna:s3cret"],
    ...[`Basic ${encoded.slice(0, 4)}*${encoded.slice(4)}`, `Basic "${encoded}"`, "Basic \0"],
    ...[`Basic ${Buffer.from("anna").toString("base64")}`, `Basic ${"A".repeat(50_000)}`],
    ...[`Basic ${"=".repeat(50_000)}`, `Basic ${" ".repeat(50_000)}`, "Basic /////w=="],
  ];
  for (const header of headers) {
    assert.equal(await authenticate(header), false, JSON.stringify(header?.slice(0, 60)));
  }
});

test("a password may hold colons and any character", async () => {
  for (const password of ["a:b", ":", "::a:", "pässwörd", "\u{1f511} key", "пароль", " ", ""]) {
    const authenticate = await createAuthenticate(`anna:${await hash(password, COST)}`, FILE);
    assert.equal(await authenticate(basic("anna", password)), true, password);
    assert.equal(await authenticate(basic("anna", `${password}x`)), false, password);
    assert.equal(await authenticate(basic("anna", "s3cret")), false, password);
  }
});

test("all prefixes of bcrypt are taken, that of htpasswd too", async () => {
  for (const prefix of ["$2a$", "$2b$", "$2y$"]) {
    const line = ANNA.replace("$2b$", prefix);
    assert.ok(line.startsWith(`anna:${prefix}`));
    const authenticate = await createAuthenticate(line, FILE);
    assert.equal(await authenticate(basic("anna", "s3cret")), true, prefix);
    assert.equal(await authenticate(basic("anna", "other")), false, prefix);
  }
});

test("comments, blank lines and either line ending are fine", async () => {
  const texts = [
    `# users\n\n${ANNA}\n   \n#${BERT}\n\t\n`,
    `${ANNA}`,
    `\r\n# x\r\n${ANNA}\r\n`,
    `${ANNA}  \n`,
  ];
  for (const text of texts) {
    const authenticate = await createAuthenticate(text, FILE);
    assert.equal(await authenticate(basic("anna", "s3cret")), true, text);
    assert.equal(await authenticate(basic("bert", "other")), false, text);
    assert.equal(await authenticate(basic("#bert", "other")), false, text);
  }
});

test("a line without a bcrypt hash is refused by its number, and not shown", async () => {
  const lines = [
    "anna:$apr1$hUnTeR2x$aaaaaaaaaaaaaaaaaaaaa/",
    "anna:{SHA}hUnTeR2hUnTeR2hUnTeR2hUnTeR2=",
    "anna:hUnTeR2",
    "anna:$5$hUnTeR2$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "anna:$6$hUnTeR2$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "anna:",
    "anna",
    ":",
    ANNA.replace("anna", ""),
    ANNA.slice(0, -1),
    `${ANNA}x`,
    `${ANNA}:x`,
    ANNA.replace("$2b$", "$2x$"),
    ANNA.replace(":", ": "),
    ANNA.replace("$04$", "$4$"),
    " # hUnTeR2",
    `anna:${"$2b$".repeat(20_000)}`,
  ];
  for (const line of lines) {
    const text = `# users\n${BERT}\n${line}\n${BERT}\n`;
    const error = await assertRejects(
      () => createAuthenticate(text, FILE),
      "CONFIG",
      /^Cannot read \/etc\/regctl\/htpasswd: line 3 /,
    );
    const shown = `${error.message} ${error.hint} ${error.cause ?? ""}`;
    for (const part of ["anna", "hUnTeR2", "$", "apr1", "{SHA}", "bert"]) {
      assert.ok(!shown.includes(part), `${shown} shows ${part}`);
    }
  }
});

test("a cost that bcrypt does not have is refused before anybody asks", async () => {
  for (const cost of ["$00$", "$03$", "$32$", "$99$"]) {
    const line = ANNA.replace("$04$", cost);
    await assertRejects(() => createAuthenticate(line, FILE), "CONFIG", /line 1 /);
  }
});

test("a file without a user is refused", async () => {
  for (const text of ["", "\n", "\r\n\r\n", "# nobody\n", "   \n\t\n"]) {
    await assertRejects(() => createAuthenticate(text, FILE), "CONFIG", /names no user/);
  }
});

test("a password that was right stays right, and a wrong one wrong", async () => {
  const authenticate = await createAuthenticate(`${ANNA}\n${BERT}`, FILE);
  assert.equal(await authenticate(basic("anna", "wrong")), false);
  for (let i = 0; i < 3; i++) {
    assert.equal(await authenticate(basic("anna", "s3cret")), true);
    assert.equal(await authenticate(basic("anna", "wrong")), false);
    assert.equal(await authenticate(basic("anna", "")), false);
    assert.equal(await authenticate(basic("bert", "s3cret")), false);
    assert.equal(await authenticate(basic("carl", "s3cret")), false);
  }
});

test("many who ask at once each get their own answer", async () => {
  const authenticate = await createAuthenticate(`${ANNA}\n${BERT}`, FILE);
  const asked = Array.from({ length: 16 }, (_, i) => {
    const [user, password] = [i % 2 ? "anna" : "bert", i % 3 ? "s3cret" : "other"];
    return { user, password, isRight: (user === "anna") === (password === "s3cret") };
  });
  const answers = await Promise.all(asked.map(({ user, password }) => {
    return authenticate(basic(user, password));
  }));
  assert.deepEqual(answers, asked.map(({ isRight }) => isRight));
});

test("more who ask at once are told to come back, and who is known is not kept waiting", async () => {
  const authenticate = await createAuthenticate(`${ANNA}\n${BERT}`, FILE);
  assert.equal(await authenticate(basic("anna", "s3cret")), true);
  const wrong = Array.from({ length: 100 }, (_, i) => authenticate(basic("bert", `guess ${i}`)));
  const settled = Promise.allSettled(wrong);
  assert.equal(await authenticate(basic("anna", "s3cret")), true);
  const refused = (await settled).filter(({ status }) => status === "rejected");
  assert.equal(refused.length, 84);
  for (const one of refused) {
    const { reason } = one as PromiseRejectedResult;
    assert.deepEqual([reason.status, reason.code], [429, "TOOMANYREQUESTS"]);
    assert.equal(reason.headers["retry-after"], "1");
  }
  assert.equal(await authenticate(basic("bert", "other")), true);
});
