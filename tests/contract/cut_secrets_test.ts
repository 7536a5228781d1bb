import assert from "node:assert/strict";
import { test } from "node:test";
import { type CapturedRunOptions, runCaptured } from "../support/capture_host.ts";
import { startScriptedRegistry, type Step } from "../support/scripted_registry.ts";
import type { Reply } from "../support/scripted_reply.ts";
import { createTempFolder } from "../support/temp_folder.ts";
import { basic, challenge, get, getAs } from "./script.ts";

const PASSWORD = "canary-pass/word+of=many characters";
const WHO = basic("ann", PASSWORD);
const TIMES = { times: Infinity };
const METHODS = ["GET", "HEAD", "PUT"];

/** How the password may be sent back. A header takes ASCII alone, and so does a form. */
const FORMS = [
  PASSWORD,
  encodeURIComponent(PASSWORD),
  new URLSearchParams({ s: PASSWORD }).toString().slice(2),
];

/** Lets ann in, and sends this back to her and, where it says so, to everybody. */
function script(reply: Reply, { isOpen = false } = {}): Step[] {
  return METHODS.flatMap((method): Step[] => [
    { ...getAs(WHO, /^/, reply, TIMES), method },
    { ...get(/^/, isOpen ? reply : challenge('Basic realm="x"'), TIMES), method },
  ]);
}

const COMMANDS = [
  ["manifest", "HOST/app:1"],
  ["manifest", "HOST/app:1", "--head"],
  ["tags", "HOST/app"],
  ["login", "HOST"],
  ["doctor", "HOST/app", "-o", "json"],
  ["put-manifest", "HOST/app:1", "FILE"],
] as const;

/** Runs each command as ann; nothing of the password may be seen from its fourth letter on. */
async function assertHidden(steps: readonly Step[], what: string): Promise<void> {
  await using folder = await createTempFolder();
  const manifest = { schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json" };
  const file = await folder.write("file", JSON.stringify({ ...manifest, manifests: [] }));
  let cuts = 0;
  for (const words of COMMANDS) {
    await using registry = await startScriptedRegistry(steps);
    const args = words.map((word) => word.replace("HOST", registry.host).replace("FILE", file));
    const options: CapturedRunOptions = {
      env: { DOCKER_CONFIG: folder.join("docker") },
      stdin: PASSWORD,
    };
    const more = ["-u", "ann", "--password-stdin", "--retries", "0"];
    const run = await runCaptured([...args, ...more], options);
    const shown = run.stdout + run.stderr;
    if (shown.includes("…")) cuts++;
    assert.doesNotMatch(shown, /cana/, `${words} ${what}\n${shown}`);
  }
  assert.ok(cuts > 0, `${what}: nothing was cut`);
}

/** `start`, some `x` and the text, so that a cut at `length` leaves `count` characters of it. */
function straddle(text: string, length: number, count: number, start = ""): string {
  return start.padEnd(length - count, "x") + text;
}

test("64: nothing of a password is left where a registry's message is cut", async () => {
  for (const form of FORMS) {
    for (const count of [4, 9, 20]) {
      const said = straddle(form, 300, count, "DENIED: ");
      const body = { errors: [{ code: "DENIED", message: said.slice("DENIED: ".length) }] };
      await assertHidden(script({ status: 403, body }), `${form} ${count}`);
      const plain = {
        status: 403,
        headers: { "content-type": "text/plain" },
        body: straddle(form, 300, count),
      };
      await assertHidden(script(plain), `plain ${form} ${count}`);
    }
  }
});

test("64: nothing of a password is left where a header is cut", async () => {
  // It takes ASCII alone.
  const sent = FORMS[1] ?? "";
  const digest = "docker-content-digest";
  const type = "application/vnd.oci.image.index.v1+json";
  for (const count of [4, 9, 20]) {
    const named = straddle(sent, 150, count, "sha256:");
    const opening = 'Basic realm="';
    const cases: readonly (readonly [string, Step[]])[] = [
      [
        "content type",
        script({
          status: 200,
          headers: { "content-type": straddle(sent, 100, count) },
          body: "<p>",
        }),
      ],
      [
        "named digest",
        script({ status: 200, headers: { [digest]: named, "content-type": type }, body: "{}" }),
      ],
      [
        "stored digest",
        script({ status: 201, headers: { [digest]: straddle(sent, 200, count) } }),
      ],
      [
        "encoding",
        script({
          status: 200,
          headers: { "content-encoding": straddle(sent, 50, count) },
          body: "{}",
        }),
      ],
      ["challenge", script(challenge(straddle(sent, 200, count, opening)), { isOpen: true })],
    ];
    for (const [what, steps] of cases) await assertHidden(steps, `${what} ${count}`);
  }
});
