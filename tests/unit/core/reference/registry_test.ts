import assert from "node:assert/strict";
import { test } from "node:test";

import { RegctlError } from "../../../../core/errors.ts";
import {
  DOCKER_HUB,
  isLoopbackHost,
  looksLikeRegistry,
  parseRegistry,
  type Registry,
} from "../../../../core/reference/registry.ts";
import { forEachSeed, type Random } from "../../../support/random.ts";

const LETTERS_AND_DIGITS = "ABCXYZabcdefghijklmnopqrstuvwxyz0123456789";
const LONGEST_HOST = [63, 63, 63, 61].map((length) => "a".repeat(length)).join(".");

/** Far above what is needed on a busy machine, far below what backtracking would take. */
const SLOW_MS = 250;

test("parseRegistry keeps host and port as written", () => {
  const hosts = [
    ...["quay.io", "Quay.IO", "localhost", "localhost:5000", "foo:1", "foo:65535", "a.b", "a-b.c"],
    ...["1.2.3.4", "0.0.0.0", "255.255.255.255:443", "127.0.0.1:5000", "1a.b2", "1.2.3.4.example"],
    ...["[::1]", "[::1]:5000", "[::]", "[2001:DB8::1]", "[1:2:3:4:5:6:7:8]", "[::ffff:1.2.3.4]:80"],
    ...["xn--bcher-kva.example", "0x.y", "deadbeef:80", "docker.io:443", "notdocker.io"],
    ...["registry-1.docker.io", `${"a".repeat(63)}.b`, LONGEST_HOST, `${LONGEST_HOST}:65535`],
  ];
  for (const host of hosts) {
    assert.deepEqual(parseRegistry(host), { host, isDockerHub: false }, host);
    assert.deepEqual(parseRegistry(`${host}/`), { host, isDockerHub: false }, host);
    for (const scheme of ["http", "https"] as const) {
      const expected: Registry = { scheme, host, isDockerHub: false };
      assert.deepEqual(parseRegistry(`${scheme}://${host}`), expected, host);
    }
  }
});

test("parseRegistry knows Docker Hub by all its names", () => {
  const table: readonly (readonly [string, Registry])[] = [
    ["docker.io", DOCKER_HUB],
    ["docker.io/", DOCKER_HUB],
    ["index.docker.io", DOCKER_HUB],
    ["Docker.IO", DOCKER_HUB],
    ["INDEX.docker.io/", DOCKER_HUB],
    ["https://index.docker.io/v1/", DOCKER_HUB],
    ["https://docker.io", { scheme: "https", ...DOCKER_HUB }],
    ["https://Index.Docker.io/", { scheme: "https", ...DOCKER_HUB }],
  ];
  for (const [text, expected] of table) assert.deepEqual(parseRegistry(text), expected, text);
});

test("parseRegistry names the broken rule", () => {
  const table: readonly (readonly [string, RegExp])[] = [
    ["", /host is missing/],
    ["/", /host is missing/],
    ["https://", /host is missing/],
    ["http://docker.io", /https only/],
    ["http://INDEX.docker.io/", /https only/],
    ["ftp://quay.io", /scheme must be/],
    ["HTTPS://quay.io", /scheme must be/],
    ["://quay.io", /scheme must be/],
    ["foo", /a dot or a port/],
    ["https://foo", /a dot or a port/],
    ["quay.io/foo", /must not have a path/],
    ["quay.io//", /must not have a path/],
    ["http://index.docker.io/v1/", /must not have a path/],
    ["index.docker.io/v1/", /must not have a path/],
    ["user:secret@quay.io", /user or a password/],
    ["https://secret@quay.io/", /user or a password/],
    ["foo:", /port must be/],
    ["foo:0", /port must be/],
    ["foo:080", /port must be/],
    ["foo:65536", /port must be/],
    ["foo:99999999", /port must be/],
    ["foo:-1", /port must be/],
    ["foo:+1", /port must be/],
    ["foo:1e3", /port must be/],
    ["foo:80?", /port must be/],
    ["::1", /two ports/],
    ["[::1", /two ports/],
    [":5000", /each part of a host/],
    ["quay.io.", /each part of a host/],
    [".quay.io", /each part of a host/],
    ["quay..io", /each part of a host/],
    ["-a.b", /each part of a host/],
    ["a-.b", /each part of a host/],
    ["a_b.c", /each part of a host/],
    [`${"a".repeat(64)}.b`, /each part of a host/],
    [`${LONGEST_HOST}a`, /at most 253/],
    ["2130706433:5000", /ends in a number/],
    ["127.1", /ends in a number/],
    ["0x7f.1", /ends in a number/],
    ["0x7f000001:5000", /ends in a number/],
    ["a.0X7F", /ends in a number/],
    ["a.0x", /ends in a number/],
    ["1.2.3.256", /ends in a number/],
    ["1.2.3.04", /ends in a number/],
    ["1.2.3.4.5", /ends in a number/],
    ["example.123", /ends in a number/],
    ["xn--a.com", /not valid in a URL/],
    ["[]", /IPv6/],
    ["[:::]", /IPv6/],
    ["[1::2::3]", /IPv6/],
    ["[1.2.3.4]", /IPv6/],
    ["[fe80::1%eth0]", /IPv6/],
    ["[fe80::1%25eth0]", /IPv6/],
    ["[::1]x", /IPv6/],
    ["[::1]x:5000", /IPv6/],
    ["[12345::]", /IPv6/],
    ["[1:2:3:4:5:6:7:8:9]", /IPv6/],
  ];
  for (const [text, rule] of table) assertUsage(text, rule);
});

test("parseRegistry refuses hostile input, and fast", () => {
  const hostile = [
    ...["quay.io\n", "\nquay.io", "quay\r\n.io", "quay.io\t", "quay.io\0", " quay.io", "quay.io "],
    ...["..", "../..", "quay.io/..", "%2e.io", "quay%2eio", "quay.io%2f", "quay.io?x", "quay.io#x"],
    ...[
      "quay.io\\x",
      "https:\\\\quay.io",
      "https:/quay.io",
      "https://https://quay.io",
      "//quay.io",
    ],
    ...[
      "qu\u0430y.io",
      "quay\u3002io",
      "quay\uff0eio",
      "\u2488io",
      "localho\u017ft",
      "quay.io\u200b",
    ],
    // The Kelvin sign becomes a plain "k" in lower case, fullwidth letters do in a URL.
    ...[
      "doc\u212aer.io",
      "\uff44ocker.io",
      "\ud800.io",
      "\uff1127.0.0.1",
      "quay.io:\uff15",
      "*.io",
      "$(id).io",
    ],
    // A URL parser drops these line ends and tabs.
    ...["[::\n1]", "[::1]\t", "[::\r1]:5000", "[::1]\n:5000", "[::\uff11]"],
    ...[..."a.:-[]@/%\n\u212a"].map((character) => character.repeat(50_000)),
    ...["a.", "[:", "a:", "://", "1."].map((text) => text.repeat(25_000)),
    ...[`[${":".repeat(50_000)}]`, `${"a".repeat(50_000)}.io`, `foo:${"1".repeat(50_000)}`],
  ];
  for (const text of hostile) {
    const start = performance.now();
    assertUsage(text, /^Invalid registry/);
    assert.ok(performance.now() - start < SLOW_MS, `slow: ${JSON.stringify(text.slice(0, 40))}`);
  }
});

test("an error of parseRegistry shows the input's start in printable ASCII", () => {
  assertUsage("a\x1b[31m\x9b\u202e\u2028b.io", /"a\\u001b\[31m\\u009b\\u202e\\u2028b\.io"/);
  assertUsage('"quoted".io', /registry "\\"quoted\\"\.io":/);
  assertUsage(`${"a".repeat(80)}.io`, /registry "a{80}"\.\.\.:/);
});

test("an error of parseRegistry never shows what may be a password", () => {
  for (const text of ["u:s3cret@quay.io", "https://u:s3cret@quay.io:5000/", "s3cret@", "@s3cret"]) {
    assertUsage(text, /^Invalid registry: /);
  }
});

test("looksLikeRegistry tells a registry from the first component of a path", () => {
  for (const text of ["a.b", "a:", "localhost", "..", "[::1]"]) {
    assert.equal(looksLikeRegistry(text), true, text);
  }
  for (const text of ["", "a", "localhosts", "LOCALHOST", "a-b_c"]) {
    assert.equal(looksLikeRegistry(text), false, text);
  }
});

test("isLoopbackHost is true for plain spellings of this machine alone", () => {
  const loopback = ["localhost", "LocalHost:1", "127.0.0.1", "127.255.255.255:5000", "[::1]:80"];
  for (const host of ["[::1]", "127.0.0.0", "localhost:65535", ...loopback]) {
    assert.equal(isLoopbackHost(host), true, host);
  }
  const others = [
    ...["", "localhost.example", "xlocalhost", "127.0.0.1.example", "127.example", "127.1", "127."],
    ...["128.0.0.1", "0.0.0.0", "[::]", "[::2]", "::1", "[::1]x", "user@localhost", "localhost:"],
    ...["localhost/", "127.0.0.01", "127.0.0.256", "localhost\n", "localho\u017ft", "docker.io"],
    ...[
      "1127.0.0.1",
      "127.0.0.1.",
      "127.0.0.1:",
      "10.127.0.0.1",
      "localhost:123456",
      "x:80.localhost",
    ],
  ];
  for (const host of others) assert.equal(isLoopbackHost(host), false, JSON.stringify(host));
});

test("parseRegistry takes random hosts and refuses them with one forbidden character", () => {
  forEachSeed(500, (random) => {
    const host = randomHost(random);
    assert.deepEqual(parseRegistry(host), { host, isDockerHub: false });
    const at = random.below(host.length);
    const forbidden = random.text(" _/@%?#\\\n\t\0\u0430\u212a", 1, 1);
    // The "x" keeps a slash from standing at the end, where it is allowed.
    assertUsage(`${host.slice(0, at)}${forbidden}x${host.slice(at + 1)}`, /^Invalid registry/);
  });
});

test("parseRegistry throws nothing but USAGE, and what it takes is a URL's host", () => {
  forEachSeed(3000, (random) => {
    const text = random.text("a1xX0f.:-[]/@%\n\0é\u212ahttps://", 0, 14);
    try {
      const { host } = parseRegistry(text);
      assert.ok(text.includes(host) || host === DOCKER_HUB.host, text);
      const url = new URL(`https://${host}/`);
      assert.equal(url.host, host.toLowerCase().replace(/:443$/, ""), text);
    } catch (error) {
      assert.ok(error instanceof RegctlError && error.code === "USAGE", String(error));
    }
  });
});

function randomHost(random: Random): string {
  const labels = Array.from({ length: 1 + random.below(4) }, () => {
    // The first letter makes sure that no label is a number or starts with "xn--".
    const inner = random.text(`${LETTERS_AND_DIGITS}-`, 0, 20);
    return `r${inner}${random.text(LETTERS_AND_DIGITS, 1, 1)}`;
  });
  return `${labels.join(".")}:${1 + random.below(65535)}`;
}

function assertUsage(text: string, message: RegExp): void {
  assert.throws(
    () => parseRegistry(text),
    (error) => {
      assert.ok(error instanceof RegctlError, String(error));
      assert.equal(error.code, "USAGE");
      assert.match(error.message, message, JSON.stringify(text.slice(0, 80)));
      assert.match(error.message, /^[ -~]{1,700}$/);
      assert.ok(!error.message.includes("s3cret"));
      return true;
    },
    JSON.stringify(text.slice(0, 80)),
  );
}
