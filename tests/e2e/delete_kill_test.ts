import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { startDockerRegistry } from "../support/docker_registry.ts";
import { reasonToSkip } from "../support/find_program.ts";
import { type RunningProgram, runProgram, startProgram } from "../support/program.ts";
import { pushImage, pushManifest, pushTags } from "../support/push.ts";
import { startServe } from "../support/serve_program.ts";
import {
  startStepProxy,
  type Step,
  type StepFault,
  type StepProxy,
} from "../support/step_proxy.ts";
import { assertWhole, readDigests, readManifest } from "../support/stored_content.ts";
import { createTempFolder, type TempFolder } from "../support/temp_folder.ts";

const skip = reasonToSkip("docker-registry");

const INDEX_TYPE = "application/vnd.oci.image.index.v1+json";
const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";
const RANDOM = /sha256:[0-9a-f]{64}/;

/** Programs that run at a time. */
const CONCURRENCY = 4;

/** What changes something when two tags go, one after the other, where only digests can be deleted. */
const CHANGES = [
  "DELETE manifests/a",
  // A digest that nobody has, then those of the copies.
  "DELETE manifests/…",
  "PUT manifests/a",
  "DELETE manifests/…",
  "PUT manifests/b",
  "DELETE manifests/…",
] as const;

/**
 * A repository with an image under `a` and `a2`, an index of it under `b` and `b2`, and another image
 * under `c`; `a` and `b` are what is deleted.
 */
async function fill(url: string, repository: string) {
  const digest = await pushTags(url, repository, ["a", "a2"]);
  await pushImage(url, repository, "c");
  const size = (await readManifest(url, repository, "a"))?.text.length;
  const index = {
    schemaVersion: 2,
    mediaType: INDEX_TYPE,
    manifests: [{ mediaType: MANIFEST_TYPE, digest, size }],
  };
  for (const tag of ["b", "b2"]) await pushManifest(url, repository, tag, index, INDEX_TYPE);
  return await readDigests(url, repository);
}

/** One repository behind a proxy, with a folder for the journals. */
class Scene implements AsyncDisposable {
  readonly url: string;
  readonly repository: string;
  readonly proxy: StepProxy;
  readonly before: Readonly<Record<string, string | undefined>>;
  readonly #state: TempFolder;

  private constructor(
    url: string,
    repository: string,
    { proxy, before, state }: {
      readonly proxy: StepProxy;
      readonly before: Scene["before"];
      readonly state: TempFolder;
    },
  ) {
    this.url = url;
    this.repository = repository;
    this.proxy = proxy;
    this.before = before;
    this.#state = state;
  }

  static async set(url: string, repository: string, step?: Step): Promise<Scene> {
    const before = await fill(url, repository);
    const proxy = await startStepProxy(Number(new URL(url).port), step);
    return new Scene(url, repository, { proxy, before, state: await createTempFolder() });
  }

  get words(): readonly string[] {
    const name = `${this.proxy.host}/${this.repository}`;
    return ["delete", "--yes", "--concurrency", "1", `${name}:a`, `${name}:b`];
  }

  get env() {
    return { XDG_STATE_HOME: this.#state.path };
  }

  hasJournal(): boolean {
    return readdirSync(this.#state.path).includes("regctl");
  }

  /** Starts it, and sends it a signal once it is at its step. */
  async startAndKill(signal: NodeJS.Signals): Promise<RunningProgram> {
    const program = await startProgram(this.words, this);
    await this.proxy.reached;
    program.kill(signal);
    return program;
  }

  run(...words: readonly string[]) {
    return runProgram(words, this);
  }

  /**
   * What became of the tags that were to go: `original`, `gone` or `copy`. All others must be what
   * they were.
   */
  async look() {
    const { a, b, ...others } = await readDigests(this.url, this.repository);
    const { a: firstBefore, b: secondBefore, ...othersBefore } = this.before;
    assert.deepEqual(others, othersBefore);
    for (const tag of Object.keys(others)) await assertWhole(this.url, this.repository, tag);
    const stateOf = (now: string | undefined, before: string | undefined) =>
      now === before ? "original" : now === undefined ? "gone" : "copy";
    return { a: stateOf(a, firstBefore), b: stateOf(b, secondBefore) };
  }

  /** Undoes what was done, once or several times; then everything is as it was. */
  async undo(times = 1): Promise<void> {
    const list = await this.run("undo", "--list", "-o", "json");
    const { runs } = JSON.parse(list.stdout) as { runs: { journal: string; state: string }[] };
    const open = runs.filter(({ state }) => state === "can be undone" || state === "partly undone");
    // The last run is undone without its name.
    for (const name of ["", ...open.slice(1).map(({ journal }) => journal)].slice(0, times)) {
      if (!this.hasJournal()) break;
      const words = name === "" ? [] : [name];
      const run = await this.run("undo", ...words, "--yes", "--concurrency", "1");
      assert.equal(run.exitCode, 0, run.stderr);
    }
    assert.deepEqual(await readDigests(this.url, this.repository), this.before);
    for (const tag of ["a", "b"]) await assertWhole(this.url, this.repository, tag);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy[Symbol.asyncDispose]();
    await this.#state[Symbol.asyncDispose]();
  }
}

/** What a run asks for when nothing goes wrong; steps are counted from 1. */
class Steps {
  readonly names: readonly string[];

  constructor({ proxy, repository }: Scene) {
    const prefix = `/v2/${repository}/`;
    this.names = proxy.requests.map((line) => line.replace(prefix, "").replace(RANDOM, "…"));
  }

  /** Runs once, and undoes it. */
  static async record(url: string): Promise<Steps> {
    await using scene = await Scene.set(url, "recorded");
    const run = await scene.run(...scene.words);
    assert.equal(run.exitCode, 0, run.stderr);
    const steps = new Steps(scene);
    assert.deepEqual(await scene.look(), { a: "gone", b: "gone" });
    await scene.undo();
    return steps;
  }

  get all(): readonly number[] {
    return this.names.map((_, i) => i + 1);
  }

  /** Those that change something, or find out whether it can be changed. */
  get changes(): readonly number[] {
    return this.all.filter((step) => !/^(GET|HEAD)/.test(this.names[step - 1] ?? ""));
  }

  /** Before it only questions are asked. */
  get firstChange(): number {
    return this.find((name) => !/^(GET|HEAD)/.test(name));
  }

  /** The first one that is about deleting the second tag. */
  get secondTag(): number {
    return this.find((name) => name === "GET manifests/b");
  }

  /** The one that moves the first tag to a copy, and the one after it, which deletes the copy. */
  get copying(): readonly number[] {
    const move = this.find((name) => name === "PUT manifests/a");
    return [move, move + 1];
  }

  find(isWanted: (name: string) => boolean): number {
    const found = this.names.findIndex(isWanted);
    assert.notEqual(found, -1);
    return found + 1;
  }

  /**
   * A fault at each of these steps, a few at a time; the name is that of a repository of its own.
   */
  async forEach(
    faults: Partial<Record<StepFault, readonly number[]>>,
    act: (step: Step, repository: string) => Promise<void>,
    concurrency = CONCURRENCY,
  ): Promise<void> {
    const all = Object.entries(faults).flatMap(([fault, steps]) =>
      steps.map((step): Step => ({ step, fault: fault as StepFault }))
    );
    const left = all.values();
    const failures: string[] = [];
    const work = async () => {
      for (const step of left) {
        const name = `${step.fault}/${step.step}`;
        await act(step, name).catch((error: Error) => {
          failures.push(`${name} ${this.names[step.step - 1]}: ${error.message}`);
        });
      }
    };
    await Promise.all(Array.from({ length: Math.min(concurrency, all.length) }, work));
    assert.deepEqual(failures, []);
  }
}

/**
 * Resolves when a process that waits for an answer has done all that a signal makes it do: none is on
 * its way, and all its threads sleep again. Elsewhere than on Linux nothing tells, and it resolves at
 * once: the answer has a longer way to go than the signal.
 */
async function isAtRest(pid: number): Promise<void> {
  const tasks = `/proc/${pid}/task`;
  const isThreadAtRest = (thread: string) => {
    const status = readFileSync(`${tasks}/${thread}/status`, "utf8");
    return /^State:\s*[SZX]/m.test(status) && /^ShdPnd:\s*0+$/m.test(status);
  };
  for (;;) {
    try {
      if (readdirSync(tasks).every(isThreadAtRest)) return;
    } catch {
      // A thread, or all of them, ended in this moment.
      if (!existsSync(tasks)) return;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function assertAmong(states: Iterable<string>, ...expected: readonly string[]): void {
  assert.deepEqual([...new Set(states)].sort(), expected.toSorted());
}

test("35: a tag is moved only where deleting works", { skip }, async () => {
  await using registry = await startDockerRegistry();
  const { names } = await Steps.record(registry.url);
  assert.deepEqual(names.filter((name) => !/^(GET|HEAD)/.test(name)), CHANGES);
});

test("44: killed at any step, a tag is what it was, or undo makes it so", { skip }, async () => {
  await using registry = await startDockerRegistry();
  const steps = await Steps.record(registry.url);
  const seen: string[] = [];
  await steps.forEach(
    { "hold-request": steps.changes, "hold-answer": steps.all },
    async (step, repository) => {
      await using scene = await Scene.set(registry.url, repository, step);
      await using program = await scene.startAndKill("SIGKILL");
      assert.deepEqual(await program.wait(), { exitCode: null, signal: "SIGKILL" });
      const { a, b } = await scene.look();
      seen.push(a, b);
      assert.equal(scene.hasJournal(), step.step >= steps.firstChange);
      await scene.undo();
    },
  );
  assertAmong(seen, "original", "copy", "gone");
});

test("44: after a kill, deleting again deletes, and undoing both restores", { skip }, async () => {
  await using registry = await startDockerRegistry();
  const steps = await Steps.record(registry.url);
  const states: string[] = [];
  await steps.forEach(
    { "hold-request": steps.copying, "hold-answer": steps.copying },
    async (step, repository) => {
      await using scene = await Scene.set(registry.url, repository, step);
      await using program = await scene.startAndKill("SIGKILL");
      await program.wait();
      states.push((await scene.look()).a);
      const again = await scene.run(...scene.words, "--ignore-missing");
      assert.equal(again.exitCode, 0, again.stderr);
      assert.deepEqual(await scene.look(), { a: "gone", b: "gone" });
      await scene.undo(2);
    },
  );
  assertAmong(states, "original", "copy", "gone");
});

const SIGNALS = [["SIGINT", 130, "Interrupted"], ["SIGTERM", 143, "Terminated"]] as const;

for (const [signal, exitCode, word] of SIGNALS) {
  test(`45: ${signal} at any step finishes what has begun, and begins nothing`, {
    skip,
  }, async () => {
    await using registry = await startDockerRegistry();
    const steps = await Steps.record(registry.url);
    const states: string[] = [];
    const faults = signal === "SIGINT"
      ? { "hold-request": steps.changes, "hold-answer": steps.all }
      : { "hold-answer": steps.changes };
    await steps.forEach(faults, async (step, repository) => {
      await using scene = await Scene.set(registry.url, repository, step);
      await using program = await scene.startAndKill(signal);
      await isAtRest(program.pid);
      scene.proxy.release();
      const exit = await program.wait();
      const { a, b } = await scene.look();
      states.push(a, b);
      // Where all was done, nothing was interrupted.
      const isDone = a === "gone" && b === "gone";
      if (!isDone || exit.exitCode !== 0) {
        assert.deepEqual(exit, { exitCode, signal: null }, program.stderr());
        assert.match(program.stderr(), new RegExp(`^error: ${word}`, "m"));
      }
      if (step.step < steps.firstChange - 1) assert.equal(a, "original");
      if (step.step < steps.secondTag) assert.equal(b, "original");
      else assert.equal(a, "gone");
      assert.ok(a !== "copy" && b !== "copy", program.stderr());
      await scene.undo();
    });
    assertAmong(states, "original", "gone");
  });
}

test("45: Ctrl-C gives up on a registry that answers no more, and puts back", {
  skip,
}, async () => {
  await using registry = await startDockerRegistry();
  const steps = await Steps.record(registry.url);
  const states: string[] = [];
  const first = steps.all.slice(0, steps.secondTag - 1);
  await steps.forEach({ "hold-request": first, "hold-answer": first }, async (step, repository) => {
    await using scene = await Scene.set(registry.url, repository, step);
    await using program = await scene.startAndKill("SIGINT");
    assert.deepEqual(await program.wait(), { exitCode: 130, signal: null }, program.stderr());
    const { a, b } = await scene.look();
    states.push(a);
    assert.equal(b, "original");
    assert.notEqual(a, "copy", program.stderr());
    await scene.undo();
  }, Infinity);
  assertAmong(states, "original", "gone");
});

test("45: who asks twice waits for nothing, and undo still restores", { skip }, async () => {
  await using registry = await startDockerRegistry();
  const steps = await Steps.record(registry.url);
  const states: string[] = [];
  await steps.forEach(
    { "hold-request": steps.copying, "hold-answer": steps.copying },
    async (step, repository) => {
      await using scene = await Scene.set(registry.url, repository, step);
      await using program = await scene.startAndKill("SIGINT");
      await isAtRest(program.pid);
      program.kill("SIGINT");
      assert.deepEqual(await program.wait(), { exitCode: 130, signal: null }, program.stderr());
      states.push((await scene.look()).a);
      await scene.undo();
    },
  );
  assertAmong(states, "original", "copy", "gone");
});

for (
  const [name, start] of [["docker-registry", startDockerRegistry], ["serve", startServe]] as const
) {
  const isSkipped = name === "serve" ? false : skip;
  test(`44: ${name}: a connection that is cut at any step is made up for`, {
    skip: isSkipped,
  }, async () => {
    await using registry = await start();
    const steps = await Steps.record(registry.url);
    const { all, changes } = steps;
    const faults = { "cut-request": changes, "cut-answer": all, "fail-answer": changes };
    await steps.forEach(faults, async (step, repository) => {
      await using scene = await Scene.set(registry.url, repository, step);
      const run = await scene.run(...scene.words);
      assert.equal(run.exitCode, 0, run.stderr);
      assert.ok(scene.proxy.requests.length > steps.names.length);
      assert.deepEqual(await scene.look(), { a: "gone", b: "gone" });
      await scene.undo();
    }, 2 * CONCURRENCY);
  });
}

test("a registry that goes away at any step leaves nothing that undo cannot restore", {
  skip,
}, async () => {
  await using registry = await startDockerRegistry();
  const steps = await Steps.record(registry.url);
  const states: string[] = [];
  await steps.forEach({ dead: steps.all }, async (step, repository) => {
    await using scene = await Scene.set(registry.url, repository, step);
    const run = await scene.run(...scene.words, "--retries", "0");
    const { a, b } = await scene.look();
    states.push(a, b);
    for (const [tag, state] of Object.entries({ a, b })) {
      const where = `${scene.proxy.host}/${repository}:${tag} `;
      const line = run.stdout.split("\n").find((line) => line.includes(where));
      if (line?.startsWith("deleted")) assert.equal(state, "gone", run.stdout);
      if (state !== "copy") continue;
      assert.match(run.stderr, /may be left at a copy of its manifest, sha256:/);
    }
    // Looking again in the end is no part of deleting.
    assert.equal(run.exitCode === 0, step.step === steps.names.length, run.stderr);
    scene.proxy.release();
    await scene.undo();
  });
  assertAmong(states, "original", "copy", "gone");
});
