import assert from "node:assert/strict";
import { test } from "node:test";

import { type ErrorCode, RegctlError } from "../../../../core/errors.ts";
import { TagLoop } from "../../../../core/inventory/tag_loop.ts";
import type { RegistryClient } from "../../../../core/registry/client.ts";

/** Nothing is sent by it. */
function createClient(signal?: AbortSignal): RegistryClient {
  return {
    baseUrl: new URL("https://r.example"),
    send: () => Promise.reject(new Error("sent")),
    signal,
  };
}

/** Ends when the loop does, and not before. */
function untilStopped({ client: { signal } }: TagLoop): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason));
  });
}

/** Reads tags one after the other, each as it is said; gives how many were handed over. */
async function readEach(tags: readonly (ErrorCode | RegctlError | "fine")[]) {
  const loop = new TagLoop(createClient(), 1);
  let taken = 0;
  let failure: unknown;
  try {
    await loop.run(tags.keys().map((i) => [i, `${i}`] as const), {
      read: (tag) => {
        const what = tags[Number(tag)] ?? "fine";
        if (what === "fine") return Promise.resolve();
        return Promise.reject(what instanceof RegctlError ? what : new RegctlError(what, tag));
      },
      take: () => void taken++,
    });
  } catch (error) {
    failure = error;
  }
  return { taken, failure };
}

const times = <T>(count: number, what: T): T[] => Array.from({ length: count }, () => what);

test("twenty different failures in a row that could befall any tag end it", async () => {
  for (const code of ["NETWORK", "TIMEOUT", "SERVER", "UNAUTHORIZED", "DENIED"] as const) {
    const { taken, failure } = await readEach(times(30, code));
    assert.equal(taken, 19, code);
    assert.ok(failure instanceof RegctlError && failure.code === code);
  }
});

test("what is wrong with single tags does not, nor what several share, nor what is not in a row", async () => {
  const shared = new RegctlError("SERVER", "of a configuration that many have");
  const fine: readonly (readonly (ErrorCode | RegctlError | "fine")[])[] = [
    times(30, "NOT_FOUND"),
    times(30, "INTEGRITY"),
    times(30, shared),
    [...times(19, "SERVER" as const), "fine", ...times(19, "SERVER" as const)],
  ];
  for (const tags of fine) {
    assert.deepEqual(await readEach(tags), { taken: tags.length, failure: undefined });
  }
});

test("RATE_LIMITED, and what is no such error, end it at once, with what is under way", async () => {
  const bug = new TypeError("a bug");
  for (const error of [new RegctlError("RATE_LIMITED", "no more"), bug]) {
    const loop = new TagLoop(createClient(), 3);
    const running = loop.run([[0, "a"], [1, "b"], [2, "c"], [3, "d"]], {
      read: (tag) => tag === "b" ? Promise.reject(error) : untilStopped(loop),
      take: () => assert.fail("nothing was read"),
    });
    await assert.rejects(running, (thrown) => thrown === error);
  }
});

test("what takes the results may end it", async () => {
  const loop = new TagLoop(createClient(), 2);
  const running = loop.run([[0, "a"], [1, "b"]], {
    read: (tag) => tag === "a" ? Promise.resolve() : untilStopped(loop),
    take: () => Promise.reject(new Error("closed")),
  });
  await assert.rejects(running, /closed/);
});

test("once there is enough, what is under way is ended, and is no failure", async () => {
  const loop = new TagLoop(createClient(), 2);
  const taken: string[] = [];
  await loop.run([[0, "a"], [1, "b"], [2, "c"]], {
    read: (tag) => tag === "a" ? Promise.resolve() : untilStopped(loop),
    take: (_, __, tag) => void taken.push(tag),
    isEnough: () => taken.length > 0,
  });
  assert.deepEqual(taken, ["a"]);
});

test("the end of the call is its own reason", async () => {
  const controller = new AbortController();
  const loop = new TagLoop(createClient(controller.signal), 2);
  const running = loop.run([[0, "a"], [1, "b"]], {
    read: () => untilStopped(loop),
    take: () => assert.fail("nothing was read"),
  });
  const reason = new RegctlError("INTERRUPTED", "Interrupted");
  controller.abort(reason);
  await assert.rejects(running, (thrown) => thrown === reason);
});
