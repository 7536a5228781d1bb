import assert from "node:assert/strict";
import { test } from "node:test";

import { findCredential } from "../../../../core/auth/find_credential.ts";
import { assertRejects } from "../../../support/assert_error.ts";
import { createFakeHost } from "../../../support/fake_host.ts";

const HOME = "/home/ann/.docker/config.json";
const entry = (user: string, host = "h.example") =>
  JSON.stringify({ auths: { [host]: { auth: btoa(`${user}:pw`) } } });
const nameOf = async (host: ReturnType<typeof createFakeHost>, registry = "h.example") => {
  const credential = await findCredential(host, registry);
  return credential?.kind === "password" ? credential.username : credential?.kind;
};

test("findCredential reads the file of the home folder", async () => {
  const host = createFakeHost({ files: { [HOME]: `\ufeff${entry("ann")}` } });
  const credential = await findCredential(host, "h.example");
  assert.deepEqual(credential, { kind: "password", username: "ann", password: "pw", source: HOME });
  assert.equal(await nameOf(createFakeHost()), undefined);
});

test("DOCKER_CONFIG replaces the home folder", async () => {
  const files = { [HOME]: entry("home"), "/cfg/config.json": entry("cfg") };
  const host = createFakeHost({ files, env: { DOCKER_CONFIG: "/cfg" } });
  assert.equal(await nameOf(host), "cfg");
  assert.deepEqual(host.reads, ["/cfg/config.json"]);
  assert.equal(await nameOf(createFakeHost({ files, env: { DOCKER_CONFIG: "/none" } })), undefined);
});

test("DOCKER_AUTH_CONFIG goes first, and the file is asked where it has nothing", async () => {
  const files = { [HOME]: entry("home") };
  const first = createFakeHost({ files, env: { DOCKER_AUTH_CONFIG: entry("env") } });
  assert.equal(await nameOf(first), "env");
  assert.deepEqual(first.reads, []);
  for (const text of [entry("env", "other.example"), "{}", '{"auths":{"h.example":{}}}']) {
    assert.equal(
      await nameOf(createFakeHost({ files, env: { DOCKER_AUTH_CONFIG: text } })),
      "home",
    );
  }
});

test("a broken DOCKER_AUTH_CONFIG is an error, not a reason to look elsewhere", async () => {
  const env = { DOCKER_AUTH_CONFIG: '{"auths":canary' };
  const host = createFakeHost({ files: { [HOME]: entry("home") }, env });
  const error = await assertRejects(
    () => findCredential(host, "h.example"),
    "CONFIG",
    /DOCKER_AUTH_CONFIG/,
  );
  assert.doesNotMatch(error.message, /canary/);
  assert.deepEqual(host.reads, []);
});

test("a helper replaces the file's own entries", async () => {
  const auths = { "h.example": { auth: btoa("file:pw") } };
  const config = {
    auths,
    credsStore: "store",
    credHelpers: { "h.example": "one", "e.example": "" },
  };
  const files = { [HOME]: JSON.stringify(config) };
  const stdout = '{"Username":"helper","Secret":"pw"}';
  const host = createFakeHost({ files, run: () => ({ exitCode: 0, stdout }) });
  assert.equal(await nameOf(host), "helper");
  assert.equal(await nameOf(host, "other.example:5000"), "helper");
  assert.equal(await nameOf(host, "docker.io"), "helper");
  assert.equal(await nameOf(host, "e.example"), undefined);
  assert.deepEqual(host.runs, [
    "docker-credential-one get h.example",
    "docker-credential-store get other.example:5000",
    "docker-credential-store get https://index.docker.io/v1/",
  ]);
});

test("no credential of the file is used where its helper has none or is missing", async () => {
  const auths = { "h.example": { auth: btoa("file:canary") } };
  const files = { [HOME]: JSON.stringify({ auths, credsStore: "store" }) };
  const stdout = "credentials not found in native keychain";
  const none = createFakeHost({ files, run: () => ({ exitCode: 1, stdout }) });
  assert.equal(await nameOf(none), undefined);
  const missing = createFakeHost({ files });
  const error = await assertRejects(
    () => findCredential(missing, "h.example"),
    "CONFIG",
    /not on PATH/,
  );
  assert.doesNotMatch(`${error.message} ${error.hint}`, /canary/);
});

test("76: the auth.json of the session, then of the user, behind Docker's config.json", async () => {
  const session = "/run/user/7/containers/auth.json";
  const user = "/home/ann/.config/containers/auth.json";
  const all = { [HOME]: entry("docker"), [session]: entry("session"), [user]: entry("user") };
  const env = { XDG_RUNTIME_DIR: "/run/user/7" };
  const without = (...names: string[]) =>
    Object.fromEntries(Object.entries(all).filter(([name]) => !names.includes(name)));
  const unset = "/run/containers/1000/auth.json";
  const xdg = "/xdg/containers/auth.json";
  const cases = [
    [{ files: all, env }, "docker"],
    [{ files: without(HOME), env }, "session"],
    [{ files: { ...all, [HOME]: "{}" }, env }, "session"],
    [{ files: { ...all, [HOME]: entry("docker", "other.example") }, env }, "session"],
    [{ files: without(HOME, session), env }, "user"],
    [{ files: { ...without(HOME), [unset]: entry("unset") } }, "unset"],
    [
      { files: { [xdg]: entry("xdg"), [user]: entry("user") }, env: { XDG_CONFIG_HOME: "/xdg" } },
      "xdg",
    ],
    [{ files: { [user]: entry("user") }, env: { XDG_CONFIG_HOME: "/xdg" } }, undefined],
    [{ files: without(HOME), env, os: "darwin" }, "user"],
  ] as const;
  for (const [options, name] of cases) {
    assert.equal(await nameOf(createFakeHost(options)), name, JSON.stringify(options));
  }
});

test("76: REGISTRY_AUTH_FILE and --auth-file name the one file there is", async () => {
  const files = {
    [HOME]: entry("docker"),
    "/a/auth.json": entry("shared"),
    "/b/auth.json": entry("flag"),
    "/c/auth.json": "{}",
  };
  const DOCKER_AUTH_CONFIG = entry("inline");
  const cases = [
    [{ REGISTRY_AUTH_FILE: "/a/auth.json" }, undefined, "shared"],
    [{ REGISTRY_AUTH_FILE: "/a/auth.json", DOCKER_AUTH_CONFIG }, undefined, "inline"],
    [{ REGISTRY_AUTH_FILE: "/none" }, undefined, undefined],
    [{ REGISTRY_AUTH_FILE: "/c/auth.json" }, undefined, undefined],
    [{ REGISTRY_AUTH_FILE: "/a/auth.json", DOCKER_AUTH_CONFIG }, "/b/auth.json", "flag"],
    [{ DOCKER_AUTH_CONFIG }, "/c/auth.json", undefined],
  ] as const;
  for (const [env, authFile, name] of cases) {
    const credential = await findCredential(createFakeHost({ files, env }), "h.example", {
      authFile,
    });
    assert.equal(credential?.kind === "password" ? credential.username : undefined, name);
  }
  const host = createFakeHost({ files });
  const error = await assertRejects(
    () => findCredential(host, "h.example", { authFile: "/none" }),
    "CONFIG",
    /^Cannot read \/none: there is no such file$/,
  );
  assert.equal(error.hint, "Check --auth-file");
  assert.deepEqual(host.reads, ["/none"]);
});

test("76: the path of the repository chooses the key, and a helper knows the whole registry", async () => {
  const auths = {
    "h.example": { auth: btoa("whole:pw") },
    "h.example/team": { auth: btoa("team:pw") },
  };
  const shared = "/home/ann/.config/containers/auth.json";
  const host = createFakeHost({ files: { [shared]: JSON.stringify({ auths }) } });
  for (const [path, name] of [["team/app", "team"], ["team2", "whole"], [undefined, "whole"]]) {
    const credential = await findCredential(host, "h.example", { path });
    assert.equal(credential?.kind === "password" && credential.username, name);
  }
  const helped = createFakeHost({
    files: {
      [shared]: JSON.stringify({ auths, credHelpers: { "docker.io": "x" }, credsStore: "y" }),
    },
    run: () => ({ exitCode: 0, stdout: '{"Username":"helper","Secret":"pw"}' }),
  });
  assert.equal(await nameOf(helped, "docker.io"), "helper");
  assert.equal(await nameOf(helped), "helper");
  // Podman's key for Docker Hub, in podman's file.
  assert.deepEqual(helped.runs, [
    "docker-credential-x get docker.io",
    "docker-credential-y get h.example",
  ]);
});
