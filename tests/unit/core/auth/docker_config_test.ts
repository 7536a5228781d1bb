import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";

import type { Credential } from "../../../../core/auth/credential.ts";
import {
  findAuth,
  findHelperName,
  lookupKeys,
  parseAuthKey,
  parseDockerConfig,
} from "../../../../core/auth/docker_config.ts";
import { assertRejects } from "../../../support/assert_error.ts";
import { forEachSeed } from "../../../support/random.ts";

const encode = (text: string | Uint8Array) => Buffer.from(text).toString("base64");
const password = (username: string, secret: string): Credential => ({
  kind: "password",
  username,
  password: secret,
  source: "c.json",
});

function find(auths: unknown, host: string): Credential | undefined {
  return findAuth(parseDockerConfig(JSON.stringify({ auths }), "c.json"), host, "c.json");
}

test("parseDockerConfig takes empty configurations", () => {
  for (
    const text of ["", " \n", "\ufeff", "{}", "\ufeff{}", '{"auths":null}', '{"HttpHeaders":1}']
  ) {
    const config = parseDockerConfig(text, "c.json");
    assert.deepEqual([config.auths.size, config.credHelpers.size, config.credsStore], [
      0,
      0,
      undefined,
    ], text);
  }
});

test("parseDockerConfig names the file and never what is in it", async () => {
  const broken = [
    ...['{"auths":{"h":{"auth":"canary', "canary", '"canary"', "[]", "null", "1", "{canary:1}"],
    ...['{"auths":"canary"}', '{"auths":["canary"]}', '{"credHelpers":"canary"}'],
    ...['{"credsStore":["canary"]}', '{"credsStore":{"a":"canary"}}', "{}canary"],
  ];
  for (const text of broken) {
    const error = await assertRejects(
      () => parseDockerConfig(text, "/x/c.json"),
      "CONFIG",
      /c\.json/,
    );
    assert.doesNotMatch(`${error.message} ${error.hint} ${error.cause}`, /canary/, text);
  }
});

test("names that every object has are no entries", () => {
  const text = '{"__proto__":{"auths":{"h":{"auth":"YTpi"}},"credsStore":"evil"}}';
  const config = parseDockerConfig(text, "c.json");
  assert.deepEqual([config.auths.size, config.credsStore], [0, undefined]);
  for (const host of ["constructor", "__proto__", "toString", "hasownproperty"]) {
    assert.equal(findHelperName(config, host, "c.json"), undefined);
    assert.equal(findAuth(config, host, "c.json"), undefined);
  }
  const own = parseDockerConfig('{"auths":{"__proto__":{"auth":"YTpi"}}}', "c.json");
  assert.deepEqual(findAuth(own, "__proto__", "c.json"), password("a", "b"));
  assert.equal(findAuth(own, "auth", "c.json"), undefined);
  const entry = parseDockerConfig('{"auths":{"h":{"__proto__":{"auth":"YTpi"}}}}', "c.json");
  assert.equal(findAuth(entry, "h", "c.json"), undefined);
});

test("findHelperName puts credHelpers before credsStore", async () => {
  const config = parseDockerConfig(
    JSON.stringify({
      credsStore: "store",
      credHelpers: { "h.example": "one", "h.example:5000": "two", "none.example": "", bad: 1 },
    }),
    "c.json",
  );
  const table: readonly (readonly [string, string | undefined])[] = [
    ["h.example", "one"],
    ["H.example:5000", "two"],
    ["none.example", undefined],
    ["other.example", "store"],
    ["docker.io", "store"],
  ];
  for (const [host, name] of table) {
    assert.equal(findHelperName(config, host, "c.json"), name, host);
  }
  await assertRejects(() => findHelperName(config, "bad", "c.json"), "CONFIG", /c\.json.*bad/);
});

test("Docker Hub is found under each of its names, the usual one first", () => {
  const names = ["https://index.docker.io/v1/", "index.docker.io", "docker.io"];
  names.push("registry-1.docker.io");
  assert.deepEqual(lookupKeys("docker.io"), names);
  for (const name of names) {
    const entries = JSON.stringify({ credHelpers: { [name]: "x" } });
    assert.equal(findHelperName(parseDockerConfig(entries, "c"), "docker.io", "c"), "x");
    assert.deepEqual(find({ [name]: { auth: encode("a:b") } }, "docker.io"), password("a", "b"));
  }
  const both = { "docker.io": { auth: encode("x:y") }, [names[0] ?? ""]: { auth: encode("a:b") } };
  assert.deepEqual(find(both, "docker.io"), password("a", "b"));
  assert.equal(find({ "hub.docker.io": { auth: encode("a:b") } }, "docker.io"), undefined);
});

test("findAuth finds the exact key, then the same host", () => {
  const auth = { auth: encode("a:b") };
  const table: readonly (readonly [string, string, boolean])[] = [
    ["h.example", "h.example", true],
    ["https://h.example", "h.example", true],
    ["http://H.Example/v1/", "h.example", true],
    ["h.example/v2/", "h.example", true],
    ["https://h.example:5000/v1/", "h.example:5000", true],
    ["h.example:5000", "h.example", false],
    ["h.example", "h.example:5000", false],
    ["evil-h.example", "h.example", false],
    ["h.example.evil", "h.example", false],
    ["https://evil/h.example", "h.example", false],
    ["", "h.example", false],
  ];
  for (const [key, host, isFound] of table) {
    assert.equal(find({ [key]: auth }, host) !== undefined, isFound, `${key} for ${host}`);
  }
  const two = { "https://h.example/v1/": { auth: encode("old:b") }, "h.example": auth };
  assert.deepEqual(find(two, "h.example"), password("a", "b"));
});

test("findAuth reads each kind of entry", () => {
  const source = "c.json";
  const table: readonly (readonly [unknown, Credential | undefined])[] = [
    [{}, undefined],
    [{ auth: "", identitytoken: "", registrytoken: null }, undefined],
    [{ auth: encode("ann:b:c:") }, password("ann", "b:c:")],
    [{ auth: encode("ann:pä日") }, password("ann", "pä日")],
    [{ auth: encode("ann:pw\0\0") }, password("ann", "pw")],
    [{ auth: encode("ann:p\0w") }, password("ann", "p\0w")],
    [{ auth: encode("ann:") }, password("ann", "")],
    [{ auth: encode("ann:pw1").replace(/=+$/, "") }, password("ann", "pw1")],
    [{ username: "ann", password: "pw" }, password("ann", "pw")],
    [{ auth: encode("ann:pw"), username: "bob", password: "x" }, password("ann", "pw")],
    [{ auth: encode("ann:pw"), identitytoken: "t" }, {
      kind: "identityToken",
      identityToken: "t",
      source,
    }],
    [{ auth: encode("ann:pw"), registrytoken: "t" }, {
      kind: "registryToken",
      registryToken: "t",
      source,
    }],
  ];
  for (const [entry, expected] of table) {
    assert.deepEqual(find({ "h.example": entry }, "h.example"), expected, JSON.stringify(entry));
  }
});

test("findAuth refuses an unfit entry, naming the place and never the content", async () => {
  const entries = [
    ...["canary", ["canary"], null, 1, { auth: 1 }, { auth: ["canary"] }, { auth: "canary!" }],
    ...[{ auth: encode("canary") }, { auth: encode(":canary") }, {
      identitytoken: { a: "canary" },
    }],
    ...[{ auth: encode(Uint8Array.of(0x61, 0x3a, 0xff)) }, { auth: "Y2FuYXJ5-_==" }],
    ...[{ username: "ann", password: 5 }],
  ];
  for (const entry of entries) {
    const run = () => find({ "h.example": entry }, "h.example");
    const error = await assertRejects(run, "CONFIG", /c\.json.*auths\["h\.example"\]/);
    assert.doesNotMatch(`${error.message} ${error.hint} ${error.cause}`, /canary|Y2Fu/);
    // Another registry's broken entry is nobody's concern.
    assert.equal(find({ "h.example": entry }, "other.example"), undefined);
  }
});

test("findAuth splits at the first colon whatever the password holds", () => {
  forEachSeed(300, (random) => {
    const username = random.text('ann"\\<>@é日 ', 1, 10);
    const secret = `${random.text(':ab"\\\n日é\u{1f511} ', 0, 20)}z`;
    assert.deepEqual(
      find({ "h.example": { auth: encode(`${username}:${secret}`) } }, "h.example"),
      password(username, secret),
    );
  });
});

test("76: the most specific key wins, and none is used beside its own repositories", () => {
  const auths = Object.fromEntries(
    ["q.test", "q.test/a", "q.test/a/b", "q.test/A", "q.test:5000/a", "docker.io/library/x"]
      .map((key) => [key, { auth: encode(`${key}:pw`) }]),
  );
  const table: readonly (readonly [string, string, string | undefined])[] = [
    ["q.test", "", "q.test"],
    ["q.test", "a", "q.test/a"],
    ["q.test", "a/b", "q.test/a/b"],
    ["q.test", "a/b/c", "q.test/a/b"],
    ["q.test", "a/bc", "q.test/a"],
    ["q.test", "ab", "q.test"],
    ["Q.test", "b/a", "q.test"],
    ["q.test:5000", "a/x", "q.test"],
    ["q.test:5000", "b", undefined],
    ["docker.io", "library/x", "docker.io/library/x"],
    ["docker.io", "library/xy", undefined],
    ["docker.io", "", undefined],
  ];
  for (const [host, path, user] of table) {
    const config = parseDockerConfig(JSON.stringify({ auths }), "c.json");
    const found = findAuth(config, host, "c.json", path);
    // An entry's user is cut at the first colon, which is that of the port.
    assert.equal(found?.kind === "password" ? found.username : undefined, user, `${host}/${path}`);
  }
});

test("76: an empty entry leaves it to the next less specific one", () => {
  const auths = { "q.test/a": {}, "q.test": {}, "https://q.test/v1/": { auth: encode("old:pw") } };
  const config = parseDockerConfig(JSON.stringify({ auths }), "c.json");
  assert.deepEqual(findAuth(config, "q.test", "c.json", "a/b"), password("old", "pw"));
});

test("76: a key of one repository is not that of its registry", () => {
  const auth = { auth: encode("a:b") };
  const table: readonly (readonly [string, string])[] = [
    ["https://q.test/team", "team"],
    ["https://q.test/team/", "team"],
    ["q.test/team/", "team"],
    ["q.test/v1", "v1"],
    ["q.test/v2/", ""],
    ["https://q.test/v2", ""],
    ["https://q.test/v1/team", "v1/team"],
  ];
  for (const [key, path] of table) {
    assert.deepEqual(parseAuthKey(key), { host: "q.test", path }, key);
    assert.equal(find({ [key]: auth }, "q.test") !== undefined, path === "", key);
    const config = parseDockerConfig(JSON.stringify({ auths: { [key]: auth } }), "c.json");
    assert.ok(findAuth(config, "q.test", "c.json", path), key);
  }
});
