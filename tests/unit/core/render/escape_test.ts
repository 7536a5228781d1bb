import assert from "node:assert/strict";
import { test } from "node:test";

import { escapeJson, escapeText } from "../../../../core/render/escape.ts";
import { formatJson, formatJsonLine } from "../../../../core/render/json.ts";
import { forEachSeed } from "../../../support/random.ts";

const HOSTILE =
  "\x00\x07\x08\t\n\r\x1b\x7f\x80\x9b\x9d\u00ad\u061c\u180e\u200b\u200e\u200f\u2028\u2029" +
  "\u202a\u202e\u2060\u2066\u2069\ufeff\ufff9\u{e0001}\u{e0041}\ud800\udc00x\udfff";

test("escapeText shows what could act on a terminal", () => {
  const table: readonly (readonly [string, string])[] = [
    ["\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"],
    ["\x1b]52;c;ZXZpbA==\x07", "\\x1b]52;c;ZXZpbA==\\x07"],
    ["\x1b]8;;https://evil.example\x1b\\x", "\\x1b]8;;https://evil.example\\x1b\\x"],
    ["\x9b31m", "\\x9b31m"],
    ["a\r\nb\tc\0", "a\\x0d\\x0ab\\x09c\\x00"],
    ["\u202egpj.exe", "\\u{202e}gpj.exe"],
    ["a\u200bb\ufeff", "a\\u{200b}b\\u{feff}"],
    ["\ud800x\udc00", "\\u{d800}x\\u{dc00}"],
    ["\u{e0041}", "\\u{e0041}"],
    ["1.2.3-rc1_x", "1.2.3-rc1_x"],
    ["日本 é \u{1f600} \\x1b", "日本 é \u{1f600} \\x1b"],
  ];
  for (const [text, expected] of table) assert.equal(escapeText(text), expected);
});

test("no text escapes the escape, and a second one changes nothing", () => {
  forEachSeed(500, (random) => {
    const text = random.text(`${HOSTILE}aé日\u{1f600}\\"`, 0, 40);
    const shown = escapeText(text);
    assert.doesNotMatch(shown, /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\u200b\ufeff]/u);
    assert.equal(escapeText(shown), shown);
    for (const value of [{ [text]: [text, { a: text }] }, text]) {
      for (const json of [formatJson(value), formatJsonLine(value)]) {
        assert.deepEqual(JSON.parse(json), value);
        assert.doesNotMatch(
          json.replaceAll("\n", ""),
          /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/u,
        );
      }
      assert.equal(formatJsonLine(value).indexOf("\n"), formatJsonLine(value).length - 1);
    }
  });
});

test("escapeJson writes astral characters as a pair", () => {
  assert.equal(escapeJson('"\u{e0041}\x7f"'), '"\\udb40\\udc41\\u007f"');
  assert.equal(escapeJson('[\n  "é日"\n]'), '[\n  "é日"\n]');
});

test("formatJson indents by four and ends in a line feed", () => {
  assert.equal(formatJson({ a: ["b"] }), '{\n    "a": [\n        "b"\n    ]\n}\n');
  assert.equal(formatJsonLine({ a: ["b"] }), '{"a":["b"]}\n');
});
