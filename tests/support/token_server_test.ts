import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeJwt } from "jose";
import { basic } from "./push.ts";
import { startTokenServer, type TokenServer } from "./token_server.ts";

const SCOPE = "repository:localhost:5000/a:pull,push";

function get(server: TokenServer, query: string, authorization?: string): Promise<Response> {
  const headers = authorization === undefined ? {} : { authorization };
  return fetch(`${server.realm}?service=${server.service}&${query}`, { headers });
}

function post(server: TokenServer, form: Record<string, string>): Promise<Response> {
  const body = new URLSearchParams({ service: server.service, scope: SCOPE, ...form });
  return fetch(server.realm, { method: "POST", body });
}

test("GET with a password grants every scope asked for", async () => {
  await using server = await startTokenServer({ users: { ann: "a:b" } });
  const response = await get(
    server,
    `scope=${SCOPE}&scope=registry:catalog:*`,
    basic("ann", "a:b"),
  );
  const { token, access_token: other, expires_in: life } = await response.json();
  assert.equal(token, other);
  assert.equal(life, 300);
  assert.deepEqual(decodeJwt(token)["access"], [
    { type: "repository", name: "localhost:5000/a", actions: ["pull", "push"] },
    { type: "registry", name: "catalog", actions: ["*"] },
  ]);
  assert.equal(decodeJwt(token).sub, "ann");
  assert.deepEqual(server.requests[0]?.query.getAll("scope"), [SCOPE, "registry:catalog:*"]);
  assert.equal(server.requests[0]?.authorization, basic("ann", "a:b"));
});

test("a wrong password, an unknown user and a wrong service are refused", async () => {
  await using server = await startTokenServer({ users: { ann: "a" } });
  for (const [user, password] of [["ann", "b"], ["bob", "a"], ["toString", ""]] as const) {
    assert.equal((await get(server, "", basic(user, password))).status, 401);
  }
  assert.equal((await get(server, "", `Basic ${btoa("no colon")}`)).status, 401);
  assert.equal((await fetch(`${server.realm}?service=x`)).status, 401);
});

test("grants decide, and may give less than wanted", async () => {
  await using server = await startTokenServer({
    users: { ann: "a" },
    grants: (user, _type, name) => user === "ann" && name === "x" ? ["pull"] : [],
  });
  const query = "scope=repository:x:pull,push&scope=repository:y:pull";
  const { token } = await (await get(server, query, basic("ann", "a"))).json();
  const expected = [{ type: "repository", name: "x", actions: ["pull"] }];
  assert.deepEqual(decodeJwt(token)["access"], expected);
});

test("OAuth2 takes a password and gives a refresh token, which works in turn", async () => {
  await using server = await startTokenServer({ users: { ann: "a" } });
  const form = { grant_type: "password", username: "ann", password: "a", access_type: "offline" };
  const { refresh_token: refresh } = await (await post(server, form)).json();
  assert.equal(server.refreshTokens.get(refresh), "ann");
  const again = await post(server, { grant_type: "refresh_token", refresh_token: refresh });
  const { access_token: token } = await again.json();
  assert.equal(decodeJwt(token).sub, "ann");
  const bad = await post(server, { grant_type: "refresh_token", refresh_token: "made up" });
  assert.equal(bad.status, 401);
  assert.equal(server.requests[1]?.form.get("refresh_token"), refresh);
});

test("the options bend expiry, expires_in and OAuth2", async () => {
  await using server = await startTokenServer({
    users: {},
    lifetimeSeconds: 1,
    leewaySeconds: 60,
    claimedLifetimeSeconds: null,
    withoutOauth2: true,
  });
  const body = await (await get(server, "")).json();
  assert.equal("expires_in" in body, false);
  const { exp = 0, iat = 0 } = decodeJwt(body.token);
  assert.equal(exp - iat, 1 - 60);
  assert.equal((await post(server, { grant_type: "password" })).status, 404);
});
