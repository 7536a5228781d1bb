import assert from "node:assert/strict";
import { test } from "node:test";

import type { LoginCredential } from "../../../../core/auth/credential.ts";
import {
  eraseCredential,
  findOtherHolders,
  storeCredential,
} from "../../../../core/auth/credential_store.ts";
import { findCredential } from "../../../../core/auth/find_credential.ts";
import { RegctlError } from "../../../../core/errors.ts";
import { assertRejects } from "../../../support/assert_error.ts";
import { createFakeHost, type FakeHost } from "../../../support/fake_host.ts";

const HOME = "/home/ann/.docker/config.json";
const ANN: LoginCredential = { kind: "password", username: "ann", password: "canary", source: "x" };
const ENTRY = { auth: btoa("ann:canary") };
const SILENT = () => ({ exitCode: 0, stdout: "" });

function read(host: FakeHost, path: string): Record<string, unknown> {
  return JSON.parse(host.files.get(path) ?? "null");
}

test("71: Docker Hub stands under the key of the tool whose file it is", async () => {
  const docker = "https://index.docker.io/v1/";
  const cases = [
    [HOME, {}, undefined, docker],
    ["/cfg/config.json", { DOCKER_CONFIG: "/cfg" }, undefined, docker],
    ["/a/auth.json", {}, "/a/auth.json", "docker.io"],
    ["/a/auth.json", { REGISTRY_AUTH_FILE: "/a/auth.json" }, undefined, "docker.io"],
    ["/a/config.json", {}, "/a/config.json", docker],
    ["config.json", { REGISTRY_AUTH_FILE: "config.json" }, undefined, docker],
    ["/a/my-config.json", {}, "/a/my-config.json", "docker.io"],
  ] as const;
  for (const [path, env, authFile, key] of cases) {
    const host = createFakeHost({ env });
    const place = await storeCredential(host, "docker.io", ANN, { authFile });
    assert.deepEqual(place, { path, helper: undefined });
    assert.deepEqual([...host.files.keys()], [path]);
    assert.deepEqual(read(host, path), { auths: { [key]: ENTRY } });
    const found = await findCredential(host, "docker.io", { authFile });
    assert.deepEqual(found, { ...ANN, source: path });
    assert.deepEqual(await eraseCredential(host, "docker.io", { authFile }), place);
    assert.deepEqual(read(host, path), { auths: {} });
    assert.equal(await eraseCredential(host, "docker.io", { authFile }), undefined);
  }
});

test("71: other spellings of a registry give way, wherever they stand", async () => {
  const old = { auth: btoa("old:pw") };
  const cases = [
    [["https://h.test/v1/", "o.test"], ["h.test", "o.test"]],
    [["https://h.test/v1/", "o.test", "h.test"], ["o.test", "h.test"]],
    [["h.test", "o.test", "http://H.test"], ["h.test", "o.test"]],
    [["h.test/team", "https://h.test/v1/team"], [
      "h.test/team",
      "https://h.test/v1/team",
      "h.test",
    ]],
  ] as const;
  for (const [before, after] of cases) {
    const auths = Object.fromEntries(before.map((key) => [key, old]));
    const host = createFakeHost({ files: { [HOME]: JSON.stringify({ auths }) } });
    await storeCredential(host, "H.test", ANN);
    const expected = after.map((key) => [key, key === "h.test" ? ENTRY : old]);
    assert.deepEqual(Object.entries(read(host, HOME)["auths"] ?? {}), expected);
  }
});

test("72: a read-only file is no hindrance where a helper keeps the secret, if it holds none", async () => {
  const readOnly = (config: object) => ({
    ...createFakeHost({ files: { [HOME]: JSON.stringify(config) }, run: SILENT }),
    updateFile: () => Promise.reject(new RegctlError("CONFIG", "Cannot write: EROFS")),
  });
  const place = await storeCredential(readOnly({ credsStore: "x" }), "h.test", ANN);
  assert.deepEqual(place, { path: HOME, helper: "docker-credential-x" });
  const holding = readOnly({ credsStore: "x", auths: { "h.test": ENTRY } });
  await assertRejects(() => storeCredential(holding, "h.test", ANN), "CONFIG", /EROFS/);
  await assertRejects(() => storeCredential(readOnly({}), "h.test", ANN), "CONFIG", /EROFS/);
  const stopped = {
    ...readOnly({ credsStore: "x" }),
    updateFile: () => Promise.reject(new RegctlError("INTERRUPTED", "Interrupted")),
  };
  await assertRejects(() => storeCredential(stopped, "h.test", ANN), "INTERRUPTED");
});

test("75: a helper that erases whatever it is told is not believed to have had it", async () => {
  const cases = [
    ['{"h.test":"ann"}', 0, true],
    ['{"https://h.test/":"ann"}', 0, true],
    ['{"other.test":"ann"}', 0, false],
    ["{}", 0, false],
    ["not implemented", 1, true],
    ["canary", 0, true],
  ] as const;
  for (const [listed, exitCode, wasThere] of cases) {
    const run = createFakeHost({
      files: { [HOME]: '{"credsStore":"x"}' },
      run: (_program, { stdin }) =>
        stdin === "unused" ? { exitCode, stdout: listed } : { exitCode: 0, stdout: "" },
    });
    const erased = await eraseCredential(run, "h.test");
    assert.equal(erased !== undefined, wasThere, listed);
    assert.equal(run.runs.at(-1), "docker-credential-x erase h.test");
    assert.equal(run.files.get(HOME), '{"credsStore":"x"}');
  }
});

test("76: findOtherHolders names those that hold something, and who goes first", async () => {
  const session = "/run/containers/1000/auth.json";
  const user = "/home/ann/.config/containers/auth.json";
  const auths = JSON.stringify({ auths: { "h.test": ENTRY, "p.test/team": ENTRY, "e.test": {} } });
  const files = { [HOME]: auths, [session]: "{broken", [user]: auths };
  const host = createFakeHost({ files, env: { DOCKER_AUTH_CONFIG: auths } });
  assert.deepEqual(await findOtherHolders(host, "h.test"), [
    { name: "DOCKER_AUTH_CONFIG", registry: "h.test", goesFirst: true },
    { name: user, registry: "h.test", goesFirst: false },
  ]);
  const team = { registry: "p.test/team" };
  assert.deepEqual(await findOtherHolders(host, "p.test"), [
    { name: "DOCKER_AUTH_CONFIG", ...team, goesFirst: true },
    { name: HOME, ...team, goesFirst: false },
    { name: user, ...team, goesFirst: false },
  ]);
  for (const name of ["e.test", "o.test"]) {
    assert.deepEqual(await findOtherHolders(host, name), []);
  }
  assert.deepEqual(await findOtherHolders(host, "h.test", { authFile: HOME }), []);
});
