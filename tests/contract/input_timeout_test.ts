import assert from "node:assert/strict";
import { test } from "node:test";
import { main } from "../../cli.ts";
import { createFakeHost, type FakeOutput } from "../support/fake_host.ts";

test("45: --timeout holds while standard input brings nothing", async () => {
  const cases = [
    ["delete", "-"],
    ["apply", "-"],
    ["prune", "h.test/app", "--keep", "1", "--keep-used", "-"],
  ];
  for (const words of cases) {
    const host = {
      ...createFakeHost(),
      args: [...words, "--timeout", "100ms"],
      readStdin: () => new Promise<string>(() => {}),
    };
    assert.equal(await main(host), 5, words.join(" "));
    const { text } = host.stderr as FakeOutput;
    assert.equal(text, "error: Gave up after 0.1 s, as --timeout says\n", words.join(" "));
  }
});
