import assert from "node:assert/strict";
import { test } from "node:test";
import type { CheckFailure, Facts, PagingFacts, TlsReport } from "../../../../core/doctor/facts.ts";
import { findProblems } from "../../../../core/doctor/find_problems.ts";
import type { ErrorCode } from "../../../../core/errors.ts";

const ANN = { state: "found", kind: "password", username: "ann", source: "-p" } as const;
const SEEN = {
  state: "seen",
  protocol: "TLSv1.3",
  subject: "CN=r.test",
  issuer: "CN=ca",
  names: "DNS:r.test",
  validFrom: "2026-01-01T00:00:00Z",
  validTo: "2026-12-31T00:00:00Z",
  daysLeft: 90,
  trust: "system",
  reason: null,
} as const satisfies TlsReport;
const PAGES: PagingFacts = {
  state: "pages",
  largestAccepted: 10_000,
  refused: [],
  largestPage: 14,
  isCapped: false,
};
const ASKED = { status: 401, version: null, schemes: ["bearer"], realm: null, service: null };

/** A registry with which nothing is wrong. */
const SOUND: Facts = {
  target: "r.test/app",
  kind: "repository",
  url: "https://r.test",
  local: false,
  credential: ANN,
  api: ASKED,
  access: { status: 200 },
  tokens: [{
    asked: ["repository:app:pull"],
    granted: ["repository:app:pull"],
    lifetimeSeconds: 60,
  }],
  catalog: null,
  paging: PAGES,
  deletion: { state: "enabled", status: 404 },
  referrers: { state: "api", status: 200 },
  rateLimit: { headers: [], limit: 100, remaining: 10, windowSeconds: 60 },
  tls: SEEN,
  clock: { skewSeconds: 60 },
};

function failure(code: ErrorCode, hint: string | null = null): CheckFailure {
  return { error: { code, message: `it failed with ${code}`, hint } };
}

const LOG_IN = "Give a credential with -u USER --password-stdin, or log in with regctl login";
const OTHER_RIGHT =
  "Ask for that right where the registry's users are kept, or use another credential";
const token = (asked: string, granted: readonly string[] | null) => ({
  tokens: [{ asked: [`repository:app:${asked}`], granted, lifetimeSeconds: null }],
});
const skew = (skewSeconds: number) => ({ clock: { skewSeconds } });
const limit = (remaining: number | null, all: number | null = 100) => ({
  rateLimit: { headers: [], limit: all, remaining, windowSeconds: null },
});

/** What is different from {@linkcode SOUND}, and the problems by it: each with its remedy. */
const CASES: readonly (readonly [string, Partial<Facts>, readonly (readonly string[])[]])[] = [
  ["nothing", {}, []],
  ["nothing was looked at", {
    ...{ credential: null, api: null, access: null, tokens: [], paging: null, deletion: null },
    ...{ referrers: null, rateLimit: null, tls: null, clock: null },
  }, []],
  ["a check that fails, with a hint", { referrers: failure("SERVER", "Do this") }, [
    ["it failed with SERVER", "Do this"],
  ]],
  ["the same failure everywhere", {
    credential: failure("CONFIG", "Install it"),
    access: failure("CONFIG", "Install it"),
    deletion: failure("CONFIG", "Install it"),
  }, [["it failed with CONFIG", "Install it"]]],
  ["out of reach", { api: failure("NETWORK"), tls: failure("TIMEOUT") }, [
    ["it failed with NETWORK", "Check the host, the port and the network between"],
  ]],
  ["a certificate that keeps us out", {
    api: failure("NETWORK", "Name it"),
    tls: { ...SEEN, trust: "none", reason: "why" },
  }, [["it failed with NETWORK", "Name it"]]],
  ["no certificate to be seen", { tls: failure("NETWORK") }, [
    ["it failed with NETWORK", "Check the host, the port and the network between"],
  ]],
  ["stalled", { api: failure("TIMEOUT") }, [
    ["it failed with TIMEOUT", "Allow more time with --timeout or --idle-timeout"],
  ]],
  ["the server fails", { access: failure("SERVER") }, [
    ["it failed with SERVER", "Try again later, or tell who runs the registry"],
  ]],
  ["no registry", { api: failure("INVALID_RESPONSE") }, [
    [
      "it failed with INVALID_RESPONSE",
      "Check the host, and whether something else answers in its place",
    ],
  ]],
  ["a credential that is refused", { access: failure("UNAUTHORIZED", "no matter") }, [
    [
      "it failed with UNAUTHORIZED",
      "Check the credential, and that it is good for this registry and this name",
    ],
  ]],
  ["nobody where somebody is asked for", {
    credential: { state: "none" },
    access: failure("DENIED", "no matter"),
  }, [["it failed with DENIED", LOG_IN]]],
  ["plain http", { url: "http://r.test:5000", tls: { state: "plain" } }, [
    [
      "The credential travels to r.test:5000 unencrypted, by plain http",
      "Reach the registry by https, and change the password",
    ],
  ]],
  ["plain http on this machine", { url: "http://localhost", local: true }, []],
  ["plain http without a credential", {
    url: "http://r.test",
    tls: { state: "plain" },
    credential: { state: "none" },
  }, []],
  ["plain http with a credential that nobody asks for", {
    url: "http://r.test",
    tls: { state: "plain" },
    api: { ...ASKED, status: 200 },
  }, []],
  ["a certificate that is not trusted", { tls: { ...SEEN, trust: "none", reason: "why" } }, [
    [
      "The certificate of r.test is not trusted: why",
      "Name its certificate authority with --ca-file, and leave out --insecure",
    ],
  ]],
  ["a certificate of one's own authority", { tls: { ...SEEN, trust: "given" } }, []],
  ["13 days", { tls: { ...SEEN, daysLeft: 13 } }, [
    [
      "The certificate of r.test ends in 13 days",
      "Renew the certificate, or tell who runs the registry",
    ],
  ]],
  ["a day", { tls: { ...SEEN, daysLeft: 1 } }, [
    [
      "The certificate of r.test ends in 1 day",
      "Renew the certificate, or tell who runs the registry",
    ],
  ]],
  ["14 days", { tls: { ...SEEN, daysLeft: 14 } }, []],
  ["a token that grants less", token("pull,push", ["repository:app:pull"]), [
    ["The token does not grant push on repository:app", OTHER_RIGHT],
  ]],
  ["a token that grants nothing", token("pull,push", []), [
    ["The token does not grant pull and push on repository:app", OTHER_RIGHT],
  ]],
  ["a token that tells nothing", token("pull", null), []],
  ["nobody may delete", {
    credential: { state: "none" },
    ...token("delete", []),
    deletion: { state: "notAllowed", status: 401 },
  }, []],
  ["nobody may pull", { credential: { state: "none" }, ...token("pull", []) }, [
    ["The token does not grant pull on repository:app", LOG_IN],
  ]],
  ["deleting is told of once", {
    ...token("delete", []),
    deletion: { state: "notAllowed", status: 401 },
  }, [["The token does not grant delete on repository:app", OTHER_RIGHT]]],
  ["deleting is not allowed", { deletion: { state: "notAllowed", status: 403 } }, [
    ["Deleting is not allowed with this credential", OTHER_RIGHT],
  ]],
  ["deleting is disabled", { deletion: { state: "disabled", status: 405 } }, [[
    "Deleting is disabled",
    "Set storage.delete.enabled: true, or REGISTRY_STORAGE_DELETE_ENABLED=true, where it is " +
    "docker-registry, else ask who runs the registry",
  ]]],
  ["who knows about deleting", { deletion: { state: "unknown", status: 307 } }, []],
  ["large pages are refused", { paging: { ...PAGES, refused: [10_000], largestAccepted: 1000 } }, [
    [
      "A page of 10000 tags is refused; one of 1000 is not",
      "Ask for no more than --page-size 1000",
    ],
  ]],
  ["every page is refused", {
    paging: { ...PAGES, refused: [10_000, 1000, 100], largestAccepted: null },
  }, [["Even a page of 100 tags is refused", "Leave out --page-size"]]],
  ["pages are cut", { paging: { ...PAGES, largestPage: 100, isCapped: true } }, [
    [
      "A page holds 100 tags at most, whatever is asked for",
      "Reckon with one request for each 100 tags",
    ],
  ]],
  ["pages without links", { paging: { ...PAGES, state: "unlinked" } }, [
    [
      "Pages of tags come without a link to the next one",
      "Leave out --page-size, and tell who runs the registry",
    ],
  ]],
  ["the limit is near", limit(9), [
    [
      "The rate limit is nearly used up: 9 of 100 left",
      "Wait, or log in as a user who is allowed more requests",
    ],
  ]],
  ["half of a limit", limit(9, null), []],
  ["the other half", limit(null), []],
  ["their clock is ahead", skew(61), [
    [
      "The registry's clock is 61 s ahead of this machine's",
      "Set both by a time server: tokens and certificates are good for a time",
    ],
  ]],
  ["their clock is behind", skew(-3600), [
    [
      "The registry's clock is 3600 s behind this machine's",
      "Set both by a time server: tokens and certificates are good for a time",
    ],
  ]],
];

for (const [name, change, expected] of CASES) {
  test(`problems: ${name}`, () => {
    const problems = findProblems({ ...SOUND, ...change });
    assert.deepEqual(problems.map(({ problem, remedy }) => [problem, remedy]), expected);
  });
}
