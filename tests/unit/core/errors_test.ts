import assert from "node:assert/strict";
import { test } from "node:test";

import { EXIT_CODES, RegctlError } from "../../../core/errors.ts";

test("each code has the exit code that scripts rely on", () => {
  const byExitCode: Readonly<Record<number, string>> = {
    1: "INTERNAL OUTPUT",
    2: "CONFIG USAGE",
    3: "NOT_FOUND",
    4: "DENIED UNAUTHORIZED",
    5: "NETWORK SERVER TIMEOUT",
    6: "REFUSED UNSUPPORTED",
    7: "INTEGRITY INVALID_RESPONSE",
    8: "PARTIAL",
    9: "RATE_LIMITED",
    130: "INTERRUPTED",
    143: "TERMINATED",
  };
  const found: Record<number, string> = {};
  for (const code of Object.keys(EXIT_CODES).sort()) {
    const exitCode = EXIT_CODES[code as keyof typeof EXIT_CODES];
    found[exitCode] = [found[exitCode], code].filter((part) => part !== undefined).join(" ");
  }
  assert.deepEqual(found, byExitCode);
});

test("RegctlError holds what it was given and no empty cause", () => {
  const cause = new Error("below");
  const full = new RegctlError("DENIED", "No", { hint: "Ask", cause });
  assert.deepEqual([full.code, full.message, full.hint, full.cause], [
    "DENIED",
    "No",
    "Ask",
    cause,
  ]);
  assert.equal(String(full), "RegctlError: No");
  const bare = new RegctlError("DENIED", "No");
  assert.deepEqual([bare.hint, "cause" in bare], [undefined, false]);
});
