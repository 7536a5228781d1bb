import assert from "node:assert/strict";
import { test } from "node:test";
import { runCaptured } from "../support/capture_host.ts";
import { createAuthority } from "../support/certificates.ts";
import {
  ANY_REQUEST,
  type RecordedRequest,
  type ScriptedRegistry,
  startScriptedRegistry,
  type Step,
} from "../support/scripted_registry.ts";
import { createTempFolder } from "../support/temp_folder.ts";
import {
  absent,
  begin,
  cancel,
  chunk,
  CONTENT,
  DIGEST,
  finish,
  formatLog,
  push,
  UPLOADS,
} from "./push_script.ts";
import { assertRun } from "./run_against.ts";
import { basic, bearer, challenge, refusedTargets } from "./script.ts";

const DONE = { exitCode: 0, stdout: `${DIGEST}\n`, stderr: "" };
const CREATED = { status: 201 };
const SCOPE = "repository:app:pull,push";

test("50: a Location is used as it came, and the digest added", async () => {
  const added = `digest=${DIGEST}`;
  const cases = [
    ["/up/1", `/up/1?${added}`],
    ["HOST", `/up/1?${added}`],
    ["next", `${UPLOADS}next?${added}`],
    ["../x", `/v2/app/blobs/x?${added}`],
    ["?_state=a", `${UPLOADS}?_state=a&${added}`],
    ["/up/1?", `/up/1?${added}`],
    ["/up/1#part", `/up/1?${added}`],
    ["/up/1?_state=a%2Bb%3D%3d&x=1+2%20~&y", `/up/1?_state=a%2Bb%3D%3d&x=1+2%20~&y&${added}`],
    ["/up/%7Ea%2fb?q=%C3%A4/?:@", `/up/%7Ea%2fb?q=%C3%A4/?:@&${added}`],
  ] as const;
  for (const [location, path] of cases) {
    const said = location === "HOST" ? "http://HOST/up/1" : location;
    const run = await push([absent(), begin(said), { method: "PUT", path, reply: CREATED }]);
    assertRun(run, DONE);
  }
});

/** Pushes in chunks as a user whom the registry asks for a name. */
async function pushAsAnn(
  registry: ScriptedRegistry,
  ...words: readonly string[]
): Promise<Awaited<ReturnType<typeof runCaptured>>> {
  await using folder = await createTempFolder();
  const file = await folder.write("blob", CONTENT);
  const login = ["-u", "ann", "--password-stdin", "--chunk-size", "5"];
  return await runCaptured(["put-blob", `${registry.host}/app`, file, ...login, ...words], {
    stdin: "secret",
  });
}

/** A registry that wants to know who asks, and uploads elsewhere. */
function asksFor(who: string, location: string): readonly Step[] {
  const isKnown = (request: { readonly headers: Readonly<Record<string, string>> }) =>
    request.headers["authorization"] === who;
  return [
    { ...absent(), when: (it) => !isKnown(it), reply: challenge('Basic realm="x"') },
    { ...absent(), when: isKnown },
    { ...begin(location), when: isKnown },
  ];
}

function assertNoCredentials({ requests }: ScriptedRegistry): void {
  for (const { headers } of requests) {
    for (const name of ["authorization", "cookie", "proxy-authorization"]) {
      assert.equal(headers[name], undefined);
    }
  }
  assert.doesNotMatch(JSON.stringify(requests), /secret|canary|YW5u/);
}

test("50: another origin gets the blob, and no credentials", async () => {
  await using other = await startScriptedRegistry([
    chunk("/b/1?sig=x%2B", "2?sig=y"),
    chunk("/b/2?sig=y", "/b/3"),
    finish("/b/3"),
  ]);
  await using registry = await startScriptedRegistry(
    asksFor(basic("ann", "secret"), `${other.url}/b/1?sig=x%2B`),
  );
  assertRun(await pushAsAnn(registry), DONE);
  assertNoCredentials(other);
  assert.deepEqual(formatLog(other), [
    "PATCH /b/1?sig=x%2B 0-4 01234",
    "PATCH /b/2?sig=y 5-9 56789",
    `PUT /b/3?digest=${DIGEST}`,
  ]);
  registry.assertDone();
  other.assertDone();
});

test("50: the other origin's 401 is not answered, also when the upload is cancelled", async () => {
  await using tokens = await startScriptedRegistry(ANY_REQUEST);
  const theirs = [bearer(`${tokens.url}/token`, SCOPE), 'Basic realm="x"', bearer("/token")];
  for (const one of theirs) {
    await using other = await startScriptedRegistry([
      { method: "PATCH", path: "/b/1", reply: challenge(one) },
      { method: "DELETE", path: "/b/1", reply: challenge(one) },
    ]);
    await using registry = await startScriptedRegistry(
      asksFor(basic("ann", "secret"), `${other.url}/b/1`),
    );
    assertRun(await pushAsAnn(registry), {
      exitCode: 4,
      stdout: "",
      stderr: `error: Cannot push ${DIGEST} to "${registry.host}/app": ${other.host} answered ` +
        "401 UNAUTHORIZED: authentication required\n" +
        `hint: ${registry.host} redirects there, and credentials are not sent along: ` +
        `name ${other.host} itself\n`,
    });
    assertNoCredentials(other);
    registry.assertDone();
    other.assertDone();
  }
  assert.deepEqual(tokens.requests, []);
});

test("50: what another origin names at the registry is not asked for with its credentials", async () => {
  for (const words of [["--chunk-size", "4"], ["--chunk-size", "0"]]) {
    await using other = await startScriptedRegistry(ANY_REQUEST.map((step) => ({
      ...step,
      replyWith: () => ({ status: 202, headers: { location: victim, range: "0-3" } }),
    })));
    await using registry = await startScriptedRegistry([
      ...asksFor(basic("ann", "secret"), `${other.url}/b/1`),
      ...ANY_REQUEST.map((step) => ({
        ...step,
        path: "/v2/prod/app/manifests/latest",
        when: ({ headers }: RecordedRequest) => headers["authorization"] === undefined,
        reply: challenge('Basic realm="x"'),
      })),
    ]);
    const victim = `${registry.url}/v2/prod/app/manifests/latest`;
    const run = await pushAsAnn(registry, ...words);
    assert.notEqual(run.exitCode, 0);
    assertNoCredentials(other);
    registry.assertDone();
  }
});

test("50: a Location where the registry has no business is refused", async () => {
  await using other = await startScriptedRegistry(ANY_REQUEST);
  for (const [location, shown, reason] of refusedTargets(other)) {
    const refused = `error: Refused to follow HOST to an upload at ${shown}: ${reason}\n`;
    const first = await push([absent(), begin(location)]);
    assertRun(first, { exitCode: 7, stdout: "", stderr: refused });
    const script = [absent(), begin("/up/1"), chunk("/up/1", location), cancel("/up/1")];
    const later = await push(script, { words: ["--chunk-size", "4"] });
    assertRun(later, { exitCode: 7, stdout: "", stderr: refused });
  }
  const noUrl = await push([absent(), begin("http://[?sig=canary")]);
  assertRun(noUrl, {
    exitCode: 7,
    stdout: "",
    stderr: "error: HOST sends uploads to what is no URL\n",
  });
  assert.deepEqual(other.requests, []);
});

test("50: an upload does not leave TLS", async () => {
  const authority = await createAuthority("regctl test");
  const { keyPem, certPem } = await authority.issue({ names: ["127.0.0.1"] });
  await using folder = await createTempFolder();
  const caFile = await folder.write("ca.pem", authority.certPem);
  await using plain = await startScriptedRegistry(ANY_REQUEST);
  const tls = { key: keyPem, cert: certPem };
  await using registry = await startScriptedRegistry(
    asksFor(basic("ann", "secret"), `${plain.url}/x`),
    { tls },
  );
  assertRun(await pushAsAnn(registry, "--ca-file", caFile), {
    exitCode: 7,
    stdout: "",
    stderr:
      `error: Refused to follow ${registry.host} to an upload at ${plain.url}: it would leave TLS\n`,
  });
  assert.deepEqual(plain.requests, []);

  await using good = await startScriptedRegistry([
    ...asksFor(basic("ann", "secret"), "/up/1"),
    chunk("/up/1", "/up/1", { times: 2 }),
    finish("/up/1"),
  ], { tls });
  assertRun(await pushAsAnn(good, "--ca-file", caFile), DONE);
  const lengths = good.requests.map(({ headers }) => headers["content-length"]);
  assert.deepEqual(lengths, [undefined, undefined, "0", "5", "5", "0"]);
  good.assertDone();
});

test("50: another origin that speaks TLS cannot lead out of it", async () => {
  const authority = await createAuthority("regctl test");
  const { keyPem, certPem } = await authority.issue({ names: ["127.0.0.1"] });
  await using folder = await createTempFolder();
  const caFile = await folder.write("ca.pem", authority.certPem);
  await using plain = await startScriptedRegistry(ANY_REQUEST);
  await using other = await startScriptedRegistry([
    chunk("/b/1", `${plain.url}/x`),
    cancel("/b/1"),
  ], { tls: { key: keyPem, cert: certPem } });
  await using registry = await startScriptedRegistry(
    asksFor(basic("ann", "secret"), `${other.url}/b/1`),
  );
  const run = await pushAsAnn(registry, "--plain-http", "--ca-file", caFile);
  assert.equal(run.exitCode, 7, run.stderr);
  assert.match(run.stderr, /^error: Refused to follow .* to an upload at .*: it would leave TLS\n/);
  assertNoCredentials(other);
  other.assertDone();
  assert.deepEqual(plain.requests, []);
});

test("F31: a token asked for at the PUT is got for pull and push, and the blob sent again", async () => {
  await using registry = await startScriptedRegistry([
    absent(),
    begin("/up/1"),
    {
      ...finish("/up/1", challenge(bearer("/token", SCOPE))),
      when: ({ headers }) => headers["authorization"] === undefined,
    },
    { method: "GET", path: /^\/token\?/, reply: { status: 200, body: { token: "t1" } } },
    { ...finish("/up/1"), when: ({ headers }) => headers["authorization"] === "Bearer t1" },
  ]);
  assertRun(await pushAsAnn(registry, "--chunk-size", "0"), DONE);
  registry.assertDone();
  const query = new URL(registry.requests[3]?.path ?? "", registry.url).searchParams;
  assert.equal(query.get("scope"), SCOPE);
  assert.equal(registry.requests[4]?.body, CONTENT);
});

test("F13: a token that runs out between chunks is renewed", async () => {
  const carries = (token: string | undefined): Pick<Step, "when"> => ({
    when: ({ headers }) => headers["authorization"] === token,
  });
  let count = 0;
  await using registry = await startScriptedRegistry([
    { ...absent(), ...carries(undefined), reply: challenge(bearer("/token")) },
    {
      method: "GET",
      path: /^\/token\?/,
      replyWith: () => ({ status: 200, body: { token: `tok${++count}` } }),
      times: 2,
    },
    { ...absent(), ...carries("Bearer tok1") },
    { ...begin("/up/1"), ...carries("Bearer tok1") },
    { ...chunk("/up/1", "/up/1"), ...carries("Bearer tok1") },
    {
      ...chunk("/up/1", ""),
      ...carries("Bearer tok1"),
      reply: challenge(bearer("/token", SCOPE)),
    },
    { ...chunk("/up/1", "/up/1"), ...carries("Bearer tok2") },
    { ...finish("/up/1"), ...carries("Bearer tok2") },
  ]);
  assertRun(await pushAsAnn(registry), DONE);
  registry.assertDone();
});

test("64: what a Location keeps secret is in no log and in no error", async () => {
  const location = "/up/1?_state=canary%2Bstate&sig=canary";
  const invalid = {
    errors: [{ code: "SIZE_INVALID", message: "at http://other.test/up?sig=canary" }],
  };
  const run = await push([
    absent(),
    begin(location),
    { ...chunk(location, ""), reply: { status: 503, headers: { location } } },
    { method: "GET", path: location, reply: { status: 204, headers: { range: "0-3", location } } },
    { ...chunk(location, ""), reply: { status: 422, body: invalid } },
    cancel(location),
  ], { words: ["--chunk-size", "4", "-vv", "--debug"], isTerminal: true });
  assert.equal(run.exitCode, 6);
  assert.match(run.stderr, /PATCH http:\/\/HOST\/up\/1\?_state=\*\*\*&sig=\*\*\* 503/);
  assert.match(run.stderr, /> content-range: 0-3/);
  assert.doesNotMatch(run.stderr, /canary/);
});
