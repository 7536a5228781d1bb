import assert from "node:assert/strict";
import { test } from "node:test";

import { assertAllowedTarget } from "../../../../core/http/target.ts";
import { assertRejects } from "../../../support/assert_error.ts";
import { forEachSeed } from "../../../support/random.ts";

const PUBLIC = "https://registry.example/v2/";

function check(target: string, registry = PUBLIC): void {
  assertAllowedTarget(new URL(target), new URL(registry), "its token server");
}

async function refuse(target: string, registry: string, reason: RegExp): Promise<void> {
  const error = await assertRejects(() => check(target, registry), "INVALID_RESPONSE", reason);
  assert.match(error.message, /its token server/, target);
}

test("a public registry may name public hosts", () => {
  const targets = ["auth.docker.io", "registry.example:444", "8.8.8.8", "[2606:4700::1111]"];
  targets.push("localhost.example", "notlocalhost", "10.0.0.1.example", "[::ffff:8.8.8.8]");
  targets.push("172.15.0.1", "172.32.0.1", "169.253.0.1", "100.63.0.1", "100.128.0.1");
  targets.push("[64:ff9b::808:808]", "[2002:808:808::]", "223.255.255.255");
  for (const host of targets) check(`https://${host}/token?a=b`);
});

test("a public registry may not name internal addresses in any spelling", async () => {
  const hosts = [
    ...["localhost", "LOCALHOST", "localhost.", "a.localhost", "a.LocalHost.", "ｌocalhost"],
    ...["127.0.0.1", "127.0.0.1.", "127.1", "127.255.255.254", "2130706433", "0x7f000001"],
    ...["0x7f.1", "0177.0.0.1", "017700000001", "①②⑦.0.0.1", "127.0.0.1%2e", "127%2e0.0.1"],
    ...["0.0.0.0", "0", "0.1.2.3", "10.0.0.1", "10.1", "0xa.1", "172.16.0.1", "172.31.255.255"],
    ...["192.168.0.1", "192.168.1", "3232235521", "100.64.0.1", "100.100.100.200", "198.18.0.1"],
    ...["169.254.169.254", "0xa9fea9fe", "2852039166", "224.0.0.1", "255.255.255.255"],
    ...["[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"],
    ...["[::ffff:169.254.169.254]", "[::ffff:0.0.0.0]", "[::ffff:10.0.0.1]", "[::127.0.0.1]"],
    ...["[0:0:0:0:0:ffff:a00:1]", "[64:ff9b::169.254.169.254]", "[2002:7f00:1::]"],
    ...["[fe80::1]", "[febf::1]", "[fc00::1]", "[fdff::1]", "[fec0::1]", "[ff02::1]", "[::2]"],
  ];
  for (const host of hosts) await refuse(`https://${host}/`, PUBLIC, /the address is internal/);
});

test("other schemes, user information and a way out of TLS are refused", async () => {
  await refuse("http://registry.example/", PUBLIC, /leave TLS/);
  await refuse("http://other.example/", PUBLIC, /leave TLS/);
  for (const url of ["file:///etc/passwd", "ftp://a.example/", "ws://a.example/", "data:,x"]) {
    await refuse(url, PUBLIC, /only http and https/);
  }
  for (const user of ["ann:pw@", "ann@", ":pw@"]) {
    await refuse(`https://${user}other.example/`, PUBLIC, /user information/);
    // Not even at the registry itself.
    await refuse(`https://${user}registry.example/`, PUBLIC, /user information/);
  }
});

test("the message holds no part of the target but its host", async () => {
  const error = await assertRejects(
    () => check("https://canary:canary@other.example/canary?canary#canary"),
    "INVALID_RESPONSE",
  );
  assert.doesNotMatch(error.message, /canary/);
});

test("a registry may name its own host and port, wherever that is", () => {
  for (const host of ["10.0.0.1:5000", "localhost:5000", "169.254.1.1", "[fe80::1]", "[::1]:1"]) {
    check(`https://${host}/token`, `https://${host}/v2/`);
    check(`http://${host}/token`, `http://${host}/v2/`);
  }
  check("http://[::1]:5000/", "http://[0::1]:5000/");
});

test("an internal registry may name what is no more internal than itself", async () => {
  const table: readonly (readonly [string, string, boolean])[] = [
    ["10.0.0.1", "10.0.0.2", true],
    ["10.0.0.1", "192.168.0.1", true],
    ["10.0.0.1", "auth.example", true],
    ["10.0.0.1", "127.0.0.1", false],
    ["10.0.0.1", "localhost", false],
    ["10.0.0.1", "[::1]", false],
    ["127.0.0.1:5000", "127.0.0.1:5001", true],
    ["localhost:5000", "127.0.0.1:5001", true],
    ["[::1]:5000", "localhost", true],
    ["127.0.0.1", "10.0.0.1", true],
    ["127.0.0.1", "169.254.169.254", false],
    ["127.0.0.1", "0.0.0.0", false],
    ["[fd00::1]", "[fe80::1]", false],
    ["169.254.1.1", "169.254.1.1:81", false],
    // The same host under another port is another service.
    ["registry.example", "127.0.0.1:443", false],
  ];
  for (const [registry, target, isAllowed] of table) {
    for (const scheme of ["http", "https"]) {
      const run = () => check(`${scheme}://${target}/`, `http://${registry}/`);
      if (isAllowed) run();
      else await assertRejects(run, "INVALID_RESPONSE", /internal/);
    }
  }
});

test("an IPv4 address is judged alike in every disguise", () => {
  const isRefused = (host: string) => {
    try {
      check(`https://${host}/`);
      return false;
    } catch {
      return true;
    }
  };
  forEachSeed(500, (random) => {
    const first = random.pick([0, 8, 10, 100, 127, 169, 172, 192, 198, 224, random.below(256)]);
    const second = random.pick([0, 16, 18, 64, 168, 254, random.below(256)]);
    const bytes = [first, second, random.below(256), random.below(256)];
    const address = bytes.join(".");
    const number = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
    const hex = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const words = `${hex.slice(0, 4)}:${hex.slice(4)}`;
    const disguises = [
      ...[String(number), `0x${hex}`, `0${number.toString(8)}`, `${address}.`],
      ...[`[::ffff:${address}]`, `[::ffff:${words}]`, `[64:ff9b::${address}]`, `[2002:${words}::]`],
    ];
    for (const host of disguises) assert.equal(isRefused(host), isRefused(address), host);
  });
});
