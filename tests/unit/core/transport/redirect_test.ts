import assert from "node:assert/strict";
import { test } from "node:test";

import type { HttpRequest } from "../../../../core/http/exchange.ts";
import { followRedirects } from "../../../../core/transport/redirect.ts";
import { assertRejects } from "../../../support/assert_error.ts";
import { createRequest, createResponse } from "../../../support/fake_exchange.ts";

const CREDENTIALS = { authorization: "Basic canary", cookie: "canary", "proxy-authorization": "c" };

/** Follows the map from URL to `Location`; all else is answered with 200. */
async function follow(
  locations: Readonly<Record<string, string>>,
  start: string,
  { method = "GET", status = 307 } = {},
) {
  const sent: HttpRequest[] = [];
  const send = followRedirects()(async (request) => {
    sent.push(request);
    const location = locations[request.url.href];
    return location === undefined
      ? createResponse(200, {}, undefined, request.url.href)
      : createResponse(status, { location }, undefined, request.url.href);
  });
  const request = createRequest(start, { ...CREDENTIALS, accept: "a/b" });
  const response = await send({ ...request, method });
  const keys = sent.map(({ headers }) => [...headers.keys()].sort().join(" "));
  return { response, urls: sent.map(({ url }) => url.href), keys, request };
}

const ALL = "accept authorization cookie proxy-authorization";

test("redirects are followed, relative and absolute, with the status code of the end", async () => {
  for (const status of [301, 302, 303, 307, 308]) {
    const locations = {
      "https://r.example/a": "/b?c=d",
      "https://r.example/b?c=d": "https://r.example/e",
    };
    const { response, urls, keys } = await follow(locations, "https://r.example/a", { status });
    assert.equal(response.status, 200);
    assert.equal(response.url.href, "https://r.example/e");
    assert.deepEqual(urls, [
      "https://r.example/a",
      "https://r.example/b?c=d",
      "https://r.example/e",
    ]);
    assert.deepEqual(keys, [ALL, ALL, ALL]);
  }
});

test("credentials stay behind at another origin, and do not come back", async () => {
  for (const other of ["https://b.example/x", "https://r.example:444/x", "//b.example/x"]) {
    const elsewhere = new URL(other, "https://r.example").href;
    const locations = { "https://r.example/a": other, [elsewhere]: "https://r.example/c" };
    const { urls, keys, request } = await follow(locations, "https://r.example/a");
    assert.deepEqual(urls, ["https://r.example/a", elsewhere, "https://r.example/c"]);
    assert.deepEqual(keys, [ALL, "accept", "accept"], other);
    assert.equal(request.headers.get("authorization"), "Basic canary");
  }
  const up = await follow({ "http://r.example/a": "https://r.example/a" }, "http://r.example/a");
  assert.deepEqual(up.keys, [ALL, "accept"]);
});

test("a redirect to where none may lead is refused unsent", async () => {
  const table = [
    ["http://r.example/a", /leave TLS/],
    ["https://169.254.169.254/", /internal/],
    ["https://[::ffff:127.0.0.1]/", /internal/],
    ["https://u:p@b.example/", /user information/],
    ["file:///etc/passwd", /only http/],
    ["https://[", /no URL/],
    ["https://", /no URL/],
  ] as const;
  for (const [location, message] of table) {
    const run = () =>
      follow(
        { "https://r.example/a": location, [location]: "https://c.example/" },
        "https://r.example/a",
      );
    const error = await assertRejects(run, "INVALID_RESPONSE", message);
    assert.doesNotMatch(error.message, /canary/);
  }
});

test("each hop is held to what it may name itself, and to what the first may", async () => {
  // The registry may name internal addresses, the public host between may not.
  const back = {
    "http://10.0.0.1/a": "http://b.example/b",
    "http://b.example/b": "http://10.0.0.2/c",
  };
  await assertRejects(() => follow(back, "http://10.0.0.1/a"), "INVALID_RESPONSE", /internal/);
  const down = {
    "http://r.example/a": "https://b.example/b",
    "https://b.example/b": "http://b.example/c",
  };
  await assertRejects(() => follow(down, "http://r.example/a"), "INVALID_RESPONSE", /leave TLS/);
});

test("five redirects are followed, not six, and a circle ends", async () => {
  const chain = (length: number) =>
    Object.fromEntries(Array.from({ length }, (_, i) => [`https://r.example/${i}`, `/${i + 1}`]));
  const { urls } = await follow(chain(5), "https://r.example/0");
  assert.equal(urls.at(-1), "https://r.example/5");
  for (const locations of [chain(6), { "https://r.example/0": "" }]) {
    await assertRejects(
      () => follow(locations, "https://r.example/0"),
      "INVALID_RESPONSE",
      /5 times/,
    );
  }
});

test("only reading is followed, and only a redirect", async () => {
  const locations = { "https://r.example/a": "https://r.example/b" };
  for (const method of ["DELETE", "POST", "PUT", "PATCH"]) {
    const { response, urls } = await follow(locations, "https://r.example/a", { method });
    assert.deepEqual([response.status, urls.length], [307, 1], method);
  }
  assert.equal((await follow(locations, "https://r.example/a", { method: "HEAD" })).urls.length, 2);
  for (const status of [201, 300, 304, 404]) {
    const { response, urls } = await follow(locations, "https://r.example/a", { status });
    assert.deepEqual([response.status, urls.length], [status, 1]);
  }
});
