import assert from "node:assert/strict";
import { test } from "node:test";

import { RegctlError } from "../../../../core/errors.ts";
import { Secrets } from "../../../../core/http/redact.ts";
import { Diagnostics } from "../../../../core/render/diagnostics.ts";
import { createFakeOutput } from "../../../support/fake_host.ts";

function create({ isTerminal = false, colors = false, columns = 80, secrets = ["canary"] } = {}) {
  const known = new Secrets();
  for (const secret of secrets) known.add(secret);
  const output = createFakeOutput(isTerminal, columns);
  const redact = (text: string) => known.redact(text);
  return { output, diagnostics: new Diagnostics(output, { redact, colors }) };
}

test("each kind of remark is a line of its own", () => {
  const { output, diagnostics } = create();
  diagnostics.warn("w");
  diagnostics.note("n");
  diagnostics.log("> GET");
  diagnostics.fail(new RegctlError("USAGE", "Bad", { hint: "Do it" }));
  diagnostics.fail(new RegctlError("USAGE", "Worse"));
  assert.equal(output.text, "warning: w\nnote: n\n> GET\nerror: Bad\nhint: Do it\nerror: Worse\n");
});

test("what comes from elsewhere is escaped, our own colours are not", () => {
  const { output, diagnostics } = create({ isTerminal: true, colors: true });
  diagnostics.fail(new RegctlError("SERVER", "a\x1b]0;x\x07\nnote: forged \u202e"));
  assert.equal(output.text, "\x1b[1;31merror:\x1b[0m a\\x1b]0;x\\x07\\x0anote: forged \\u{202e}\n");
});

test("no secret is written by any way out", () => {
  const { output, diagnostics } = create({
    isTerminal: true,
    secrets: ["canary", "can\u202eary", 'q"uote'],
  });
  const text = 'x canary y can\u202eary z q"uote';
  diagnostics.warn(text);
  diagnostics.note(text);
  diagnostics.log(text);
  diagnostics.progress(text);
  const error = new RegctlError("SERVER", text, { hint: text, cause: new Error(text) });
  diagnostics.fail(error);
  diagnostics.json = true;
  diagnostics.fail(error);
  diagnostics.trace(error);
  assert.doesNotMatch(output.text, /canary|can\\u|q\\?"uote/);
  assert.equal(output.text.match(/x \*\*\* y \*\*\* z \*\*\*/g)?.length, 10);
});

test("the error as JSON keeps its keys whatever the secrets are", () => {
  const { output, diagnostics } = create({
    secrets: ["error", "message", "code", '"code":', "exitCode"],
  });
  diagnostics.json = true;
  diagnostics.fail(new RegctlError("NOT_FOUND", "no error"));
  assert.deepEqual(JSON.parse(output.text), {
    error: { code: "NOT_FOUND", message: "no ***", exitCode: 3 },
  });
});

test("quiet leaves out remarks, never the error nor the log", () => {
  const { output, diagnostics } = create({ isTerminal: true });
  diagnostics.quiet = true;
  diagnostics.warn("w");
  diagnostics.note("n");
  diagnostics.progress("p");
  diagnostics.log("l");
  diagnostics.fail(new RegctlError("USAGE", "e"));
  assert.equal(output.text, "l\nerror: e\n");
});

test("progress is for terminals, on one line that is cleared before the next", () => {
  const pipe = create();
  pipe.diagnostics.progress("p");
  pipe.diagnostics.clearProgress();
  assert.equal(pipe.output.text, "");
  const { output, diagnostics } = create({ isTerminal: true, columns: 10 });
  diagnostics.progress("a\nb");
  diagnostics.progress("x".repeat(50));
  diagnostics.warn("w");
  diagnostics.warn("v");
  const clear = "\r\x1b[K";
  assert.equal(
    output.text,
    `${clear}a\\x0ab${clear}${"x".repeat(9)}${clear}warning: w\nwarning: v\n`,
  );
});

test("trace shows the causes and ends, also in a circle", () => {
  const { output, diagnostics } = create();
  const inner = new Error("inner");
  const outer = new Error("outer", { cause: inner });
  inner.cause = outer;
  diagnostics.trace(outer);
  assert.match(output.text, /outer[^]*caused by [^]*inner/);
  assert.equal(output.text.match(/caused by/g)?.length, 4);
  const { output: none, diagnostics: other } = create();
  other.trace(undefined);
  assert.equal(none.text.trim(), "");
});
