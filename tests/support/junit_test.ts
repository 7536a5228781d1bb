import assert from "node:assert/strict";
import { test } from "node:test";
import { parseReport } from "./junit.ts";

const CASES: readonly [string, ReturnType<typeof parseReport>][] = [
  ["", undefined],
  ['<testsuites><testsuite><testcase name="a"/>', undefined],
  ['<?xml version="1.0"?>\n<testsuites tests="0"/>\n', { passed: 0, failed: [], skipped: [] }],
  [
    '<testsuites><testcase name="a &gt; &quot;b&quot; &#65;&#x42;" classname="./t.ts" line="1">' +
    '<failure message="x">trace</failure></testcase><testcase name="b" classname="./t.ts">' +
    "</testcase></testsuites>",
    { passed: 1, failed: ['t.ts > a > "b" AB'], skipped: [] },
  ],
  [
    '<testsuites><testcase name="a" classname="suite" file="t.ts" /><testcase name="b" file="t.ts">' +
    '\n<skipped />\n</testcase><testcase name="c" file="t.ts"><error/></testcase></testsuites>',
    { passed: 1, failed: ["t.ts > c"], skipped: ["t.ts > b"] },
  ],
  [
    '<testsuites><testcase name="a" file="t.ts"><system-out><![CDATA[</testcase><failure>]]>' +
    "</system-out></testcase></testsuites>",
    { passed: 1, failed: [], skipped: [] },
  ],
];

for (const [index, [xml, expected]] of CASES.entries()) {
  test(`junit: report ${index}`, () => assert.deepEqual(parseReport(xml), expected));
}
