import assert from "node:assert/strict";
import { test } from "node:test";

import { findNextLink, parseLinks } from "../../../../core/http/link.ts";
import { assertFast } from "../../../support/assert_error.ts";
import { forEachSeed } from "../../../support/random.ts";

function next(...links: readonly string[]): string | undefined {
  const headers = new Headers();
  for (const link of links) headers.append("link", link);
  return findNextLink(headers);
}

test("findNextLink finds the next page however it is written", () => {
  const table: readonly (readonly [string, string | undefined])[] = [
    ['</v2/a/tags/list?n=2&last=b>; rel="next"', "/v2/a/tags/list?n=2&last=b"],
    ['<https://r.example/v2/_catalog?last=b>;rel="next"', "https://r.example/v2/_catalog?last=b"],
    ["</x>; rel=next", "/x"],
    ["</x>;REL=NEXT", "/x"],
    ['</x> ; rel = "next"', "/x"],
    ['</x>; rel="prev Next last"', "/x"],
    ['</x>; title="a, b; rel=prev"; rel="next"', "/x"],
    ['</x>; title="a\\"b"; rel="next"', "/x"],
    ["</x>; title; rel=next", "/x"],
    ["</x>;; rel=next", "/x"],
    ['</first>; rel="first", </x>; rel="next"', "/x"],
    ['</x?a,b;c=d>; rel="next"', "/x?a,b;c=d"],
    ['</x?a>; rel="prev", </y?b>; rel="next", </z>; rel="next"', "/y?b"],
    [',, , </x>; rel="next",', "/x"],
    // Quay has sent it without the angle brackets.
    ['/v2/a/tags/list?n=2; rel="next"', "/v2/a/tags/list?n=2"],
    ['<>; rel="next"', ""],
    // Only the first rel counts.
    ['</x>; rel="prev"; rel="next"', undefined],
    ['</x>; rel="nextish"', undefined],
    ['</x>; title="next"', undefined],
    ['</x>; rel*="next"', undefined],
    ['</x>; rel="prev,next"', undefined],
    ["</x>", undefined],
    ["", undefined],
  ];
  for (const [header, expected] of table) assert.equal(next(header), expected, header);
});

test("findNextLink reads several headers as one list", () => {
  assert.equal(next('</a>; rel="prev"', '</b>; rel="next"'), "/b");
  assert.equal(next(), undefined);
});

test("parseLinks passes over what it does not understand and comes to an end", () => {
  const hostile = [
    ...["<", ">", ";", "=", '"', ";;;;", "<x", "x>", '<x>; rel="', "<x>; =; =", "<x>;rel"],
    ...['<x>;"rel"=next', "<x> y; rel=next", "\u0000", "<\ud800>", "\\", '<x>;rel="a"b'],
  ];
  for (const header of hostile) {
    const links = parseLinks(`${header}, <good>; rel=up`);
    assert.ok(links.length <= 2, header);
  }
  assert.deepEqual(parseLinks("<x> junk, <y>; rel=next").at(-1), {
    target: "y",
    relations: ["next"],
  });
});

test("parseLinks takes linear time", () => {
  const size = 64 * 1024;
  const headers = [
    "<,".repeat(size / 2),
    "<".repeat(size),
    `<${"a".repeat(size)}`,
    `<a>${"; ".repeat(size / 2)}`,
    `<a>${" ".repeat(size)}`,
    `<a>;x=${" ".repeat(size)}!`,
    `<a>;x="${"a".repeat(size)}`,
    `<a>;x="${'\\"'.repeat(size / 2)}`,
    '<a>;x=",'.repeat(size / 8),
    `<a>; rel="${"next ".repeat(size / 5)}"`,
    ";=".repeat(size / 2),
  ];
  for (const header of headers) assertFast(header.slice(0, 12), () => parseLinks(header));
});

test("parseLinks reads back what a random writer wrote", () => {
  forEachSeed(500, (random) => {
    const links = Array.from({ length: 1 + random.below(4) }, () => ({
      target: random.text("/abc?&=;,%:#'\" ", 0, 20),
      relations: Array.from({ length: 1 + random.below(3) }, () => random.text("abxyz-", 1, 6)),
    }));
    const header = links.map(({ target, relations }) => {
      const quoted = `"${relations.join(" ")}"`;
      const rel = relations.length === 1 ? random.pick([relations[0], quoted]) : quoted;
      const title = random.pick(["", '; title="x, <y>; rel=up"', ";type=a/b"]);
      return `<${target}>${title}${random.pick([";", " ; "])}rel=${rel}`;
    }).join(random.pick([",", ", ", ",,"]));
    assert.deepEqual(parseLinks(header), links, header);
  });
});
