import assert from "node:assert/strict";
import { test } from "node:test";

import type { Credential } from "../../../../core/auth/credential.ts";
import type { TokenFacts } from "../../../../core/auth/token_grant.ts";
import type { HttpRequest, HttpResponse } from "../../../../core/http/exchange.ts";
import { Secrets } from "../../../../core/http/redact.ts";
import { authorize } from "../../../../core/transport/authorize.ts";
import { assertRejects } from "../../../support/assert_error.ts";
import { createRequest, createResponse } from "../../../support/fake_exchange.ts";
import { createFakeClock } from "../../../support/fake_host.ts";

const ANN: Credential = { kind: "password", username: "ann", password: "pass", source: "test" };
const BASIC = "Basic YW5uOnBhc3M=";
const BEARER = 'Bearer realm="https://auth.example/token",service="s"';
const scopeOf = (scope: string) => ({ "www-authenticate": `${BEARER},scope="${scope}"` });
const PULL = scopeOf("repository:a:pull");

interface Scene {
  readonly credential?: Credential;
  /** Thrown in place of it by the n-th search, from 1. Default: nothing is. */
  readonly failure?: (n: number) => Error | undefined | Promise<Error>;
  /** The registry's answer to a request with this `Authorization`. */
  readonly registry: (authorization: string | null, request: HttpRequest) => HttpResponse;
  /** The token server's answer to its n-th request, from 1. Default: token `t1`, `t2`, … */
  readonly tokens?: (n: number, request: HttpRequest) => HttpResponse;
}

function play({ credential, failure, registry, tokens }: Scene) {
  const clock = createFakeClock();
  const secrets = new Secrets();
  const sent: (string | null)[] = [];
  const told: TokenFacts[] = [];
  const exchanges: HttpRequest[] = [];
  let finds = 0;
  const send = authorize({
    registry: new URL("https://r.example"),
    clock,
    secrets,
    onToken: (facts) => told.push(facts),
    findCredential: async () => {
      finds++;
      const error = await failure?.(finds);
      if (error) throw error;
      return credential;
    },
    sendToTokenServer: async (request) => {
      exchanges.push(request);
      const n = exchanges.length;
      await Promise.resolve();
      return tokens?.(n, request) ?? createResponse(200, {}, { token: `t${n}` });
    },
  })(async (request) => {
    const header = request.headers.get("authorization");
    sent.push(header);
    await Promise.resolve();
    return registry(header, request);
  });
  const get = (scopes: readonly string[] = ["repository:a:pull"]) =>
    send({ ...createRequest(), scopes });
  return { send, get, clock, secrets, sent, told, exchanges, finds: () => finds };
}

/** Accepts the tokens that `isValid` says, and challenges all else. */
const wants =
  (isValid: (authorization: string) => boolean, headers = PULL) => (header: string | null) =>
    header !== null && isValid(header) ? createResponse(200) : createResponse(401, headers);

test("nothing is sent before a challenge, and nobody is asked for a credential", async () => {
  const scene = play({ credential: ANN, registry: () => createResponse(200) });
  const { status, identity } = await scene.get();
  assert.deepEqual([status, identity, scene.sent, scene.finds()], [200, "anonymously", [null], 0]);
});

test("a token is asked for once and carried from then on", async () => {
  const scene = play({ credential: ANN, registry: wants((header) => header === "Bearer t1") });
  for (let i = 0; i < 3; i++) assert.equal((await scene.get()).status, 200);
  assert.deepEqual(scene.sent, [null, "Bearer t1", "Bearer t1", "Bearer t1"]);
  assert.equal(scene.finds(), 1);
  const [exchange] = scene.exchanges;
  assert.equal(exchange?.headers.get("authorization"), BASIC);
  assert.equal(exchange?.url.origin, "https://auth.example");
  assert.deepEqual(exchange?.url.searchParams.getAll("scope"), ["repository:a:pull"]);
  assert.equal(exchange?.url.searchParams.get("service"), "s");
});

test("twenty requests at once share one exchange", async () => {
  const scene = play({ registry: wants((header) => header === "Bearer t1") });
  const responses = await Promise.all(Array.from({ length: 20 }, () => scene.get()));
  assert.deepEqual(responses.map(({ status }) => status), Array(20).fill(200));
  assert.deepEqual([scene.exchanges.length, scene.finds()], [1, 1]);
});

test("twenty requests with a token that is refused replace it once", async () => {
  let valid = "Bearer t1";
  const scene = play({ registry: wants((header) => header === valid) });
  await scene.get();
  valid = "Bearer t2";
  const responses = await Promise.all(Array.from({ length: 20 }, () => scene.get()));
  assert.deepEqual(responses.map(({ status }) => status), Array(20).fill(200));
  assert.equal(scene.exchanges.length, 2);
});

test("a token is renewed shortly before its end, 60 s where none is named", async () => {
  for (
    const [expires_in, lifetime] of [[300, 300], [undefined, 60], [0, 60], [-1, 60], ["9", 60], [
      1,
      1,
    ]] as const
  ) {
    const scene = play({
      registry: wants((header) => header.startsWith("Bearer ")),
      tokens: (n) => createResponse(200, {}, { access_token: `t${n}`, expires_in }),
    });
    await scene.get();
    const early = Math.min(5000, lifetime * 100);
    scene.clock.advance(lifetime * 1000 - early - 1);
    await scene.get();
    scene.clock.advance(1);
    await scene.get();
    assert.deepEqual(scene.sent.slice(1), ["Bearer t1", "Bearer t1", "Bearer t2"]);
  }
});

test("a wider scope is asked for once, with the scopes before", async () => {
  const scene = play({
    registry: (header) =>
      header === "Bearer t2"
        ? createResponse(200)
        : createResponse(401, header === null ? PULL : scopeOf("repository:a:delete")),
  });
  assert.equal((await scene.get()).status, 200);
  assert.deepEqual(scene.exchanges.map(({ url }) => url.searchParams.get("scope")), [
    "repository:a:pull",
    "repository:a:pull,delete",
  ]);
});

test("a registry that is never content ends the request after two exchanges", async () => {
  let n = 0;
  const scene = play({ registry: () => createResponse(401, scopeOf(`repository:a:x${n++}`)) });
  assert.equal((await scene.get()).status, 401);
  assert.deepEqual([scene.exchanges.length, scene.sent.length], [2, 3]);
  const same = play({ credential: ANN, registry: () => createResponse(401, PULL) });
  const { status, identity } = await same.get();
  assert.deepEqual([status, identity, same.exchanges.length], [401, 'as "ann" (from test)', 1]);
});

test("Bearer goes before Basic, and Basic is tried once", async () => {
  const both = { "www-authenticate": `Basic realm="b", ${BEARER}` };
  const first = play({
    credential: ANN,
    registry: wants((header) => header === "Bearer t1", both),
  });
  assert.equal((await first.get()).status, 200);
  assert.deepEqual(first.sent, [null, "Bearer t1"]);
  const wrong = play({
    credential: ANN,
    registry: () => createResponse(401, { "www-authenticate": "Basic" }),
  });
  assert.equal((await wrong.get()).status, 401);
  assert.deepEqual(wrong.sent, [null, BASIC]);
  const nobody = play({ registry: () => createResponse(401, { "www-authenticate": "Basic" }) });
  assert.equal((await nobody.get()).status, 401);
  assert.deepEqual(nobody.sent, [null]);
});

test("an identity token goes to the token server alone", async () => {
  const credential: Credential = { kind: "identityToken", identityToken: "canary", source: "s" };
  const scene = play({ credential, registry: wants((header) => header === "Bearer t1") });
  assert.equal((await scene.get()).status, 200);
  const form = new URLSearchParams(await new Response(scene.exchanges[0]?.body).text());
  assert.equal(scene.exchanges[0]?.method, "POST");
  assert.equal(form.get("refresh_token"), "canary");
  assert.doesNotMatch(scene.exchanges[0]?.url.href ?? "", /canary/);
  const basic = play({
    credential,
    registry: () => createResponse(401, { "www-authenticate": "Basic" }),
  });
  assert.equal((await basic.get()).status, 401);
  assert.deepEqual([...scene.sent, ...basic.sent], [null, "Bearer t1", null]);
});

test("a registry token is sent as it is, once", async () => {
  const credential: Credential = { kind: "registryToken", registryToken: "own", source: "s" };
  const scene = play({ credential, registry: () => createResponse(401, PULL) });
  assert.equal((await scene.get()).status, 401);
  assert.deepEqual([scene.sent, scene.exchanges.length], [[null, "Bearer own"], 0]);
});

test("nothing is sent to another origin, nor for a challenge that comes from one", async () => {
  const scene = play({ credential: ANN, registry: wants((header) => header === "Bearer t1") });
  await scene.get();
  for (const url of ["https://r.example:444/", "http://r.example/", "https://b.example/"]) {
    assert.equal((await scene.send(createRequest(url))).status, 401, url);
  }
  assert.deepEqual(scene.sent.slice(2), [null, null, null]);
  const behind = play({
    credential: ANN,
    registry: () => createResponse(401, PULL, undefined, "https://b.example/x"),
  });
  assert.equal((await behind.get()).status, 401);
  assert.deepEqual([behind.sent, behind.exchanges.length, behind.finds()], [[null], 0, 0]);
});

test("a realm that no registry may name is not asked", async () => {
  const realms = [
    "http://auth.example/",
    "https://169.254.169.254/",
    "https://[::ffff:127.0.0.1]/",
  ];
  realms.push(
    "file:///etc/passwd",
    "https://u:p@auth.example/",
    "https://2130706433/",
    "",
    "https://[",
  );
  for (const realm of realms) {
    const headers = { "www-authenticate": `Bearer realm="${realm}"` };
    const scene = play({ credential: ANN, registry: () => createResponse(401, headers) });
    await assertRejects(() => scene.get(), "INVALID_RESPONSE");
    assert.deepEqual([scene.exchanges.length, scene.sent], [0, [null]], realm);
  }
});

test("a relative realm and one at the registry itself work", async () => {
  for (const realm of ["/token", "https://R.example/token"]) {
    const headers = { "www-authenticate": `Bearer realm="${realm}"` };
    const scene = play({ registry: wants((header) => header === "Bearer t1", headers) });
    assert.equal((await scene.get()).status, 200);
    assert.equal(
      scene.exchanges[0]?.url.href,
      "https://r.example/token?scope=repository%3Aa%3Apull",
    );
  }
});

test("a failed exchange is not kept", async () => {
  const scene = play({
    registry: wants((header) => header === "Bearer t2"),
    tokens: (n) => n === 1 ? createResponse(503) : createResponse(200, {}, { token: `t${n}` }),
  });
  await assertRejects(() => scene.get(), "SERVER", /auth\.example answered 503/);
  assert.equal((await scene.get()).status, 200);
});

test("a token is a secret, and an unfit one is refused", async () => {
  const scene = play({
    registry: wants(() => true),
    tokens: () => createResponse(200, {}, { token: "canary" }),
  });
  await scene.get();
  assert.equal(scene.secrets.redact("a canary b"), "a *** b");
  for (
    const answer of [{}, { token: 1 }, { token: "a\r\nb" }, { token: "a b" }, [], null, {
      token: "é",
    }]
  ) {
    const unfit = play({
      registry: wants(() => true),
      tokens: () => createResponse(200, {}, answer),
    });
    await assertRejects(() => unfit.get(), "INVALID_RESPONSE", /auth\.example sent none/);
  }
});

test("a 401 without a scheme that is known says which there are", async () => {
  const table = [
    [{}, "INVALID_RESPONSE", /without saying how/],
    [{ "www-authenticate": "Negotiate, Digest realm=x" }, "UNSUPPORTED", /negotiate, digest/],
    [{ "www-authenticate": 'Bearer realm="' }, "INVALID_RESPONSE", /malformed/],
  ] as const;
  for (const [headers, code, message] of table) {
    const scene = play({ credential: ANN, registry: () => createResponse(401, headers) });
    await assertRejects(() => scene.get(), code, message);
  }
});

test("each token is told of: what it was asked for, what it grants, how long, never itself", async () => {
  const { get, told, clock } = play({
    registry: wants(() => true),
    tokens: (n) =>
      createResponse(200, {}, {
        token: `t${n}`,
        ...(n > 1 && { scope: "repository:a:pull", expires_in: 300 }),
      }),
  });
  await get();
  clock.advance(60_000);
  await get();
  const asked = ["repository:a:pull"];
  assert.deepEqual(told, [
    { asked, granted: undefined, lifetimeS: undefined },
    { asked, granted: asked, lifetimeS: 300 },
  ]);
});

test("a credential that was not to be had once is looked for again at the next challenge", async () => {
  const locked = new Error("the keychain is locked");
  const failure = (n: number) => n === 1 ? locked : undefined;
  const registry = wants((header) => header === "Bearer t1");
  const scene = play({ credential: ANN, failure, registry });
  await assert.rejects(scene.get(), (error) => error === locked);
  for (let i = 0; i < 2; i++) {
    const { status, identity } = await scene.get();
    assert.deepEqual([status, identity], [200, 'as "ann" (from test)']);
  }
  assert.deepEqual([scene.finds(), scene.exchanges.length], [2, 1]);
});

test("twenty requests at once share one search for the credential, also one that fails", async () => {
  const locked = new Error("the keychain is locked");
  const failure = (n: number) => n === 1 ? locked : undefined;
  const registry = wants((header) => header === "Bearer t1");
  const scene = play({ credential: ANN, failure, registry });
  const results = await Promise.allSettled(Array.from({ length: 20 }, () => scene.get()));
  for (const result of results) {
    assert.equal(result.status === "rejected" && result.reason, locked);
  }
  assert.equal(scene.finds(), 1);
  assert.equal((await scene.get()).status, 200);
  assert.equal(scene.finds(), 2);
});

test("a credential that cannot be had does not spoil answers that need none", async () => {
  const { promise, resolve } = Promise.withResolvers<Error>();
  const scene = play({
    failure: () => promise,
    registry: (_, { scopes }) =>
      scopes?.length === 0 ? createResponse(200) : createResponse(401, PULL),
  });
  const needsOne = scene.get();
  const isSpoilt = assert.rejects(needsOne, /locked/);
  while (scene.finds() === 0) await Promise.resolve();
  // It is still being looked for.
  const early = scene.get([]);
  setTimeout(() => resolve(new Error("the keychain is locked")));
  for (const answer of [early, isSpoilt.then(() => scene.get([]))]) {
    const { status, identity } = await answer;
    assert.deepEqual([status, identity], [200, "anonymously"]);
  }
});
