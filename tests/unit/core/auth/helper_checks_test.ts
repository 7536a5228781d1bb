import assert from "node:assert/strict";
import { test } from "node:test";

import {
  askCredentialHelper,
  eraseFromHelper,
  type HelperOptions,
  listHelper,
  storeInHelper,
} from "../../../../core/auth/credential_helper.ts";
import { eraseCredential, storeCredential } from "../../../../core/auth/credential_store.ts";
import { listCredentials } from "../../../../core/auth/list_credentials.ts";
import { RegctlError } from "../../../../core/errors.ts";
import type { Host } from "../../../../core/host.ts";
import { createFakeHost } from "../../../support/fake_host.ts";

const HOME = "/home/ann/.docker/config.json";
const SECRET = { serverUrl: "h.test", username: "ann", secret: "canary" };

test("72: a helper that answers with nothing has nothing", async () => {
  const run = () => ({ exitCode: 0, stdout: '{"ServerURL":"h.test","Username":"","Secret":""}' });
  assert.equal(await askCredentialHelper(createFakeHost({ run }), "x", "h.test"), undefined);
});

test("F22: who stops the program is not told that the helper failed", async () => {
  const calls: readonly ((host: Host, options: HelperOptions) => Promise<unknown>)[] = [
    (host, options) => askCredentialHelper(host, "x", "h.test", options),
    (host, options) => storeInHelper(host, "x", SECRET, options),
    (host, options) => eraseFromHelper(host, "x", "h.test", options),
    (host, options) => listHelper(host, "x", options),
    (host, options) => eraseCredential(host, "h.test", options),
    (host, options) => listCredentials(host, { ...options, onHelperFailure: () => assert.fail() }),
  ];
  for (const code of ["INTERRUPTED", "TERMINATED", "TIMEOUT"] as const) {
    for (const call of calls) {
      const stop = new AbortController();
      const host: Host = {
        ...createFakeHost({ files: { [HOME]: '{"credsStore":"x"}' } }),
        run: () => {
          stop.abort(new RegctlError(code, "Stopped"));
          return Promise.reject(stop.signal.reason);
        },
      };
      await assert.rejects(
        call(host, { signal: stop.signal }),
        (error) => error === stop.signal.reason,
      );
    }
  }
});

test("71: a log-in to Docker Hub is stored in a helper under the key that its users know", async () => {
  const auth = "/home/ann/auth.json";
  const run = () => ({ exitCode: 0, stdout: "" });
  const files = { [HOME]: '{"credsStore":"x"}', [auth]: '{"credsStore":"x"}' };
  const ann = { kind: "password", username: "ann", password: "canary", source: "-p" } as const;
  const cases = [
    [{}, HOME, "https://index.docker.io/v1/"],
    [{ authFile: auth }, auth, "docker.io"],
  ] as const;
  for (const [options, path, key] of cases) {
    const host = createFakeHost({ files, run });
    await storeCredential(host, "docker.io", ann, options);
    const stored = JSON.stringify({ ServerURL: key, Username: "ann", Secret: "canary" });
    assert.deepEqual(host.runs, [`docker-credential-x store ${stored}`]);
    assert.deepEqual(JSON.parse(host.files.get(path) ?? ""), {
      credsStore: "x",
      auths: { [key]: {} },
    });
  }
});

test("F22: a helper that a signal ended while we are stopped, too, is not blamed", async () => {
  for (const isLate of [false, true]) {
    const stop = new AbortController();
    const reason = new RegctlError("INTERRUPTED", "Interrupted");
    const fake = createFakeHost();
    const host: Host = {
      ...fake,
      run: () => {
        if (!isLate) stop.abort(reason);
        return Promise.resolve({ exitCode: -1, stdout: "" });
      },
      clock: {
        ...fake.clock,
        // Our own signal comes while we wait for it.
        sleep: async (ms, signal) => {
          stop.abort(reason);
          await fake.clock.sleep(ms, signal);
        },
      },
    };
    await assert.rejects(
      askCredentialHelper(host, "x", "h.test", { signal: stop.signal }),
      (error) => error === reason,
    );
  }
});

test("72: a helper that a signal ended, and nobody else, has failed", async () => {
  const run = () => ({ exitCode: -1, stdout: "" });
  await assert.rejects(
    askCredentialHelper(createFakeHost({ run }), "x", "h.test", {
      signal: new AbortController().signal,
    }),
    {
      code: "UNAUTHORIZED",
      message: "The credential helper docker-credential-x failed for h.test: exit code -1",
    },
  );
});
