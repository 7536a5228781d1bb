import assert from "node:assert/strict";
import { test } from "node:test";

import { describeErrorBody, parseErrorBody } from "../../../../core/oci/error_body.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const describe = (text: string, type = "application/json") =>
  describeErrorBody({ headers: new Headers({ "content-type": type }), body: bytes(text) });

test("parseErrorBody reads each form that is in use", () => {
  const table: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
    ['{"errors":[{"code":"DENIED","message":"no"},{"code":"X"}]}', [["DENIED", "no"], ["X", ""]]],
    ['{"errors":[{"code":"DENIED","message":"no","detail":{"a":1}}]}', [["DENIED", "no"]]],
    ['{"errors":[null,"x",[1],{"message":"m"}]}', [["", "m"]]],
    ['{"errors":[]}', []],
    ['{"errors":[{"code":5,"message":["x"]}]}', [["", ""]]],
    ['{"error":{"code":"E","message":"m"}}', [["E", "m"]]],
    ['{"error":"invalid_grant","error_description":"bad"}', [["invalid_grant", "bad"]]],
    ['{"message":"m"}', [["", "m"]]],
    ['{"details":"incorrect username or password"}', [["", "incorrect username or password"]]],
    ['{"errors":"x","message":"m"}', [["", "m"]]],
    ['{"error":null,"message":"m"}', [["", "m"]]],
    ['{"__proto__":{"message":"m"}}', []],
    ["{}", []],
  ];
  for (const [text, expected] of table) {
    assert.deepEqual(
      parseErrorBody(bytes(text)).map(({ code, message }) => [code, message]),
      expected,
      text,
    );
  }
});

test("parseErrorBody survives everything else", () => {
  const junk = [
    "",
    " ",
    "null",
    "1",
    '"x"',
    "[]",
    '[{"code":"X"}]',
    "<html>no</html>",
    '{"errors":[{',
  ];
  for (const text of [...junk, "\0", '{"errors":{}}', "[".repeat(100_000)]) {
    assert.deepEqual(parseErrorBody(bytes(text)), [], text.slice(0, 40));
  }
  assert.deepEqual(parseErrorBody(Uint8Array.of(0xff, 0xfe, 0x00)), []);
});

test("describeErrorBody says it in short", () => {
  const table: readonly (readonly [string, string])[] = [
    ['{"errors":[{"code":"NAME_UNKNOWN","message":"unknown"}]}', " NAME_UNKNOWN: unknown"],
    ['{"errors":[{"code":"A"},{"message":"m"},{},{"code":"B","message":"n"}]}', " A; m; B: n"],
    ['{"errors":[{}]}', ""],
    ["<html>login</html>", ""],
    ["", ""],
  ];
  for (const [text, expected] of table) assert.equal(describe(text), expected, text);
  assert.equal(describe("<b>no</b>", "text/html"), "");
  assert.equal(describe("too many\r\nrequests", "Text/Plain; charset=utf-8"), ": too many");
  assert.equal(describe("\n \n", "text/plain"), "");
  assert.equal(describe("x", "text/plainer"), "");
  const many = JSON.stringify({
    errors: Array(10_000).fill({ code: "X", message: "y".repeat(50) }),
  });
  for (const shown of [describe(many), describe("z".repeat(100_000), "text/plain")]) {
    assert.ok(shown.length < 320 && shown.endsWith("…"), shown.slice(0, 20));
  }
});
