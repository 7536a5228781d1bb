import assert from "node:assert/strict";
import { test } from "node:test";
import { runCaptured } from "../support/capture_host.ts";
import { createAuthority } from "../support/certificates.ts";
import {
  ANY_REQUEST,
  type ScriptedRegistry,
  startScriptedRegistry,
} from "../support/scripted_registry.ts";
import type { Reply } from "../support/scripted_reply.ts";
import { createTempFolder } from "../support/temp_folder.ts";
import {
  basic,
  bearer,
  challenge,
  dockerAuth,
  get,
  getAs,
  logOf,
  refusedTargets,
  TAGS,
  TAGS_PATH,
} from "./script.ts";

const BASIC = challenge('Basic realm="x"');

function redirect(location: string, status = 307): Reply {
  return { status, headers: { location, "set-cookie": "session=canary; Path=/" } };
}

/** Lists the tags as a user that the registry's first answer asks for. */
function runAsAnn(registry: ScriptedRegistry, ...flags: readonly string[]) {
  const words = ["tags", `${registry.host}/app`, "-u", "ann", "--password-stdin", ...flags];
  return runCaptured(words, { stdin: "secret" });
}

/** No header of any request may hold what was meant for another origin. */
function assertNoCredentials({ requests }: ScriptedRegistry): void {
  for (const { headers } of requests) {
    for (const name of ["authorization", "cookie", "proxy-authorization"]) {
      assert.equal(headers[name], undefined);
    }
  }
  assert.doesNotMatch(JSON.stringify(requests), /secret|canary|t1/);
}

test("10: the origin behind a redirect gets no credentials", async () => {
  for (const status of [301, 302, 303, 307, 308]) {
    await using other = await startScriptedRegistry([get("/elsewhere?x=1", TAGS)]);
    await using registry = await startScriptedRegistry([
      getAs(undefined, TAGS_PATH, BASIC),
      getAs(
        basic("ann", "secret"),
        TAGS_PATH,
        redirect(`${other.url}/elsewhere?x=1`, status),
      ),
    ]);
    const run = await runAsAnn(registry);
    assert.deepEqual(run, { exitCode: 0, stdout: "1\n", stderr: "", waits: [] });
    assertNoCredentials(other);
    other.assertDone();
    registry.assertDone();
  }
});

test("10: the other origin's 401 is not answered, whatever realm it names", async () => {
  await using tokens = await startScriptedRegistry([
    get(/^\/token\?/, { status: 200, body: { token: "t1" } }, { times: 3 }),
  ]);
  const realm = `${tokens.url}/token`;
  for (const theirs of [bearer(realm), bearer("/token"), 'Basic realm="x"']) {
    await using other = await startScriptedRegistry([get("/blob", challenge(theirs))]);
    await using registry = await startScriptedRegistry([
      getAs(undefined, TAGS_PATH, challenge(bearer(realm))),
      getAs("Bearer t1", TAGS_PATH, redirect(`${other.url}/blob`)),
    ]);
    const run = await runAsAnn(registry);
    assert.deepEqual(run, {
      exitCode: 4,
      stdout: "",
      stderr: `error: Cannot list the tags of "${registry.host}/app": ${other.host} answered 401 ` +
        "UNAUTHORIZED: authentication required\n" +
        `hint: ${registry.host} redirects there, and credentials are not sent along: ` +
        `name ${other.host} itself\n`,
      waits: [],
    });
    assertNoCredentials(other);
    other.assertDone();
    registry.assertDone();
  }
  tokens.assertDone();
});

test("10: a registrytoken stays behind, too", async () => {
  await using other = await startScriptedRegistry([get("/blob", TAGS)]);
  await using registry = await startScriptedRegistry([
    getAs(undefined, TAGS_PATH, challenge(bearer("/token"))),
    getAs("Bearer secret", TAGS_PATH, redirect(`${other.url}/blob`)),
  ]);
  const env = dockerAuth({ [registry.host]: { registrytoken: "secret" } });
  const run = await runCaptured(["tags", `${registry.host}/app`], { env });
  assert.deepEqual(run, { exitCode: 0, stdout: "1\n", stderr: "", waits: [] });
  assertNoCredentials(other);
  registry.assertDone();
});

test("10: credentials do not come back on the way home", async () => {
  await using other = await startScriptedRegistry([
    { method: "GET", path: "/there", replyWith: () => redirect(`${registry.url}/back`) },
  ]);
  await using registry: ScriptedRegistry = await startScriptedRegistry([
    getAs(undefined, TAGS_PATH, BASIC),
    getAs(basic("ann", "secret"), TAGS_PATH, redirect(`${other.url}/there`)),
    getAs(undefined, "/back", TAGS),
  ]);
  const run = await runAsAnn(registry);
  assert.deepEqual(run, { exitCode: 0, stdout: "1\n", stderr: "", waits: [] });
  assertNoCredentials(other);
  registry.assertDone();
});

test("10: within the origin they are kept", async () => {
  await using registry = await startScriptedRegistry([
    getAs(undefined, TAGS_PATH, BASIC),
    getAs(basic("ann", "secret"), TAGS_PATH, redirect("../there?x=1")),
    getAs(basic("ann", "secret"), "/v2/app/there?x=1", TAGS),
  ]);
  const run = await runAsAnn(registry);
  assert.deepEqual(run, { exitCode: 0, stdout: "1\n", stderr: "", waits: [] });
  assert.ok(registry.requests.every(({ headers }) => headers["cookie"] === undefined));
  registry.assertDone();
});

test("five redirects are followed, the sixth is not, nor is a circle", async () => {
  const hops = (count: number) =>
    Array.from({ length: count }, (_, i) => get(`/h${i}`, redirect(`/h${i + 1}`)));
  await using five = await startScriptedRegistry([
    get(TAGS_PATH, redirect("/h0")),
    ...hops(4),
    get("/h4", TAGS),
  ]);
  const good = await runCaptured(["tags", `${five.host}/app`]);
  assert.deepEqual(good, { exitCode: 0, stdout: "1\n", stderr: "", waits: [] });
  five.assertDone();

  await using six = await startScriptedRegistry([get(TAGS_PATH, redirect("/h0")), ...hops(5)]);
  await using circle = await startScriptedRegistry([
    get(TAGS_PATH, redirect(TAGS_PATH), { times: 6 }),
  ]);
  for (const registry of [six, circle]) {
    const run = await runCaptured(["tags", `${registry.host}/app`]);
    const stderr = `error: ${registry.host} redirects more than 5 times\n`;
    assert.deepEqual(run, { exitCode: 7, stdout: "", stderr, waits: [] });
    registry.assertDone();
  }
});

test("11: a redirect to where the registry has no business is refused", async () => {
  await using other = await startScriptedRegistry(ANY_REQUEST);
  for (const [location, shown, reason] of refusedTargets(other)) {
    await using registry = await startScriptedRegistry([
      getAs(undefined, TAGS_PATH, BASIC),
      get(TAGS_PATH, redirect(location)),
    ]);
    const run = await runAsAnn(registry);
    const stderr =
      `error: Refused to follow ${registry.host} to a redirect at ${shown}: ${reason}\n`;
    assert.deepEqual(run, { exitCode: 7, stdout: "", stderr, waits: [] });
    registry.assertDone();
  }
  assert.deepEqual(logOf(other), []);
});

test("a redirect that leads nowhere is an error", async () => {
  const cases: (readonly [Reply, string])[] = [
    [redirect("http://[?sig=canary"), "HOST redirects to what is no URL"],
    [{ status: 307 }, 'Cannot list the tags of "HOST/app": HOST answered 307'],
    [redirect("/x", 304), 'Cannot list the tags of "HOST/app": HOST answered 304'],
    [redirect("/x", 300), 'Cannot list the tags of "HOST/app": HOST answered 300'],
  ];
  for (const [reply, message] of cases) {
    await using registry = await startScriptedRegistry([get(TAGS_PATH, reply)]);
    const run = await runCaptured(["tags", `${registry.host}/app`]);
    const stderr = `error: ${message.replaceAll("HOST", registry.host)}\n`;
    assert.deepEqual(run, { exitCode: 7, stdout: "", stderr, waits: [] });
    registry.assertDone();
  }
});

test("10: a redirect or a realm from https to http is refused", async () => {
  const authority = await createAuthority("regctl test");
  const { keyPem, certPem } = await authority.issue({ names: ["127.0.0.1"] });
  await using folder = await createTempFolder();
  const caFile = await folder.write("ca.pem", authority.certPem);
  await using plain = await startScriptedRegistry(ANY_REQUEST);
  const cases = [
    [redirect(`${plain.url}/x`), "a redirect"],
    [challenge(bearer(`${plain.url}/token`)), "its token server"],
  ] as const;
  for (const [reply, what] of cases) {
    const tls = { key: keyPem, cert: certPem };
    await using registry = await startScriptedRegistry([get(TAGS_PATH, reply)], { tls });
    const run = await runAsAnn(registry, "--ca-file", caFile);
    const stderr =
      `error: Refused to follow ${registry.host} to ${what} at ${plain.url}: it would leave TLS\n`;
    assert.deepEqual(run, { exitCode: 7, stdout: "", stderr, waits: [] });
    registry.assertDone();
  }
  assert.deepEqual(logOf(plain), []);
});
