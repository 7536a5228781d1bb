import assert from "node:assert/strict";
import { test } from "node:test";

import { redactHeader, redactUrl, Secrets } from "../../../../core/http/redact.ts";
import { assertFast } from "../../../support/assert_error.ts";
import { forEachSeed } from "../../../support/random.ts";

test("redactUrl keeps the protocol's parameters and hides all else", () => {
  const table: readonly (readonly [string, string])[] = [
    ["https://r.example/v2/a/tags/list?n=2&last=b", "https://r.example/v2/a/tags/list?n=2&last=b"],
    ["https://r.example/v2/", "https://r.example/v2/"],
    ["https://ann:canary@r.example/v2/", "https://r.example/v2/"],
    ["https://canary@r.example/", "https://r.example/"],
    [
      "https://b.example/x?X-Amz-Signature=canary&n=1",
      "https://b.example/x?X-Amz-Signature=***&n=1",
    ],
    ["https://b.example/x?n=1#access_token=canary", "https://b.example/x?n=1"],
    ["https://b.example/x?N=canary", "https://b.example/x?N=***"],
    [
      "https://b.example/x?n=1&n=2&sig=canary&sig=canary",
      "https://b.example/x?n=1&n=2&sig=***&sig=***",
    ],
    [
      "https://b.example/x?constructor=canary&__proto__=canary",
      "https://b.example/x?constructor=***&__proto__=***",
    ],
    ["https://b.example/x?%73ig=canary", "https://b.example/x?sig=***"],
  ];
  for (const [url, expected] of table) assert.equal(redactUrl(new URL(url)), expected, url);
});

test("redactUrl leaves the URL itself alone", () => {
  const url = new URL("https://ann:pw@r.example/?sig=x#y");
  redactUrl(url);
  assert.equal(url.href, "https://ann:pw@r.example/?sig=x#y");
});

test("redactHeader hides headers that hold secrets", () => {
  const secret = ["Authorization", "proxy-authorization", "Cookie", "Set-Cookie", "X-Auth-Token"];
  secret.push("X-Amz-Security-Token", "X-API-Key", "apikey", "X-Client-Secret", "x-signature");
  for (const name of secret) assert.equal(redactHeader(name, "canary"), "***", name);
  for (const name of ["content-type", "docker-content-digest", "etag"]) {
    assert.equal(redactHeader(name, "shown?a=b"), "shown?a=b", name);
  }
});

test("redactHeader hides the secrets of URLs in headers", () => {
  const table: readonly (readonly [string, string])[] = [
    ["https://b.example/x?sig=canary&n=1", "https://b.example/x?sig=***&n=1"],
    ["/x?digest=sha256:ab&_state=canary", "/x?digest=sha256:ab&_state=***"],
    ['</x?n=1&last=b>; rel="next"', '</x?n=1&last=b>; rel="next"'],
    ['</x?n=1&t=canary>;rel="next"', '</x?n=1&t=***>;rel="next"'],
    [
      '</x?t=canary>; rel="next", </y?t=canary>; rel="up"',
      '</x?t=***>; rel="next", </y?t=***>; rel="up"',
    ],
    ["https://ann:canary@b.example/x", "https://***@b.example/x"],
    ["https://ann:can@ary@b.example/x", "https://***@b.example/x"],
    ["//canary@b.example/x", "//***@b.example/x"],
    ["https:\\\\ann:canary@b.example/x", "https:\\\\***@b.example/x"],
    ["https://b.example/x?n=1;sig=canary", "https://b.example/x?n=1;sig=***"],
    ["https://b.example/x?n=1#access_token=canary", "https://b.example/x?n=1#access_token=***"],
    ["https://b.example/x?a?b=canary", "https://b.example/x?a?b=***"],
    ["https://b.example/x?sig=can=ary?can&n=1", "https://b.example/x?sig=***&n=1"],
    ["/v2/a/blobs/sha256:ab", "/v2/a/blobs/sha256:ab"],
    [
      'Bearer realm="/token?key=canary",service="r.example",scope="repository:a:pull"',
      'Bearer realm="/token?key=***",service="r.example",scope="repository:a:pull"',
    ],
  ];
  for (const [value, expected] of table) {
    for (const name of ["location", "Link", "Content-Location", "REFERER", "www-authenticate"]) {
      assert.equal(redactHeader(name, value), expected, `${name}: ${value}`);
    }
  }
});

test("redactHeader takes linear time", () => {
  const size = 64 * 1024;
  for (const part of ["?", "&", "=", "/", "//a", "\\", "?a", "#", ";", "@", "?a="]) {
    assertFast(part, () => redactHeader("location", part.repeat(size / part.length)));
  }
});

test("Secrets hides a secret in each form it travels in", () => {
  const secrets = new Secrets();
  secrets.add('pä ss"/\\+word');
  const text = [
    'pä ss"/\\+word',
    encodeURIComponent('pä ss"/\\+word'),
    'p={"a":"pä ss\\"/\\\\+word"}',
  ];
  assert.deepEqual(text.map((line) => secrets.redact(line)), ["***", "***", 'p={"a":"***"}']);
});

test("Secrets hides the longest secret first and takes no secret for a pattern", () => {
  const secrets = new Secrets();
  for (const secret of ["canary", "canary-token-2", "$&.*"]) secrets.add(secret);
  assert.equal(secrets.redact("a canary-token-2 b canary c $&.* d xyz"), "a *** b *** c *** d xyz");
});

test("Secrets leaves words alone that are too short to hide", () => {
  const secrets = new Secrets();
  for (const secret of ["", "a", "abc"]) secrets.add(secret);
  assert.equal(secrets.redact("abcabc"), "abcabc");
  secrets.add("abca");
  assert.equal(secrets.redact("abcabc"), "***bc");
});

test("Secrets takes a secret that cannot be encoded", () => {
  const secrets = new Secrets();
  secrets.add("canary\ud800");
  assert.equal(secrets.redact("a canary\ud800 b canary%EF%BF%BD c"), "a *** b *** c");
});

test("Secrets leaves no random secret in any text", () => {
  forEachSeed(300, (random) => {
    const secrets = new Secrets();
    const known = Array.from({ length: 4 }, () => random.text('ab"\\$ /%é', 4, 12));
    for (const secret of known) secrets.add(secret);
    const text = Array.from(
      { length: 10 },
      () => random.pick([random.pick(known), encodeURIComponent(random.pick(known)), "|", "||"]),
    ).join("|");
    const clean = secrets.redact(text);
    for (const secret of known) assert.ok(!clean.includes(secret), JSON.stringify([text, clean]));
  });
});

test("Secrets hides what is left of a secret that was cut, in each of its forms", () => {
  const secret = 'canary "ü/+&';
  const forms = [
    secret,
    encodeURIComponent(secret),
    new URLSearchParams({ s: secret }).toString().slice(2),
    JSON.stringify(secret).slice(1, -1),
  ];
  const secrets = new Secrets();
  secrets.add(secret);
  for (const form of forms) {
    for (let count = 4; count <= form.length; count++) {
      const part = form.slice(0, count);
      assert.equal(secrets.redact(`a ${part}… b ${part}…`), "a ***… b ***…", part);
    }
  }
  // What may be of any word is left.
  assert.equal(secrets.redact("a can… b"), "a can… b");
});

test("Secrets leaves the beginning of a secret alone where nothing was cut", () => {
  const secrets = new Secrets();
  secrets.add("canary-token");
  for (const text of ["canary", "canary-toke", "… canary", "canary- …", "a…canary-toke"]) {
    assert.equal(secrets.redact(text), text);
  }
});

test("Secrets hides the most that a cut may have left, whichever secret it is of", () => {
  const secrets = new Secrets();
  for (const secret of ["tail and much, much more", "canary-tail!"]) secrets.add(secret);
  assert.equal(secrets.redact("x canary-tail…"), "x ***…");
});
