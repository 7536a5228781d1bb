import { Command } from "commander";
import { complete } from "../completions/complete.ts";
import { formatCompletion } from "../completions/format.ts";
import { parseRepository } from "../core/reference/repository.ts";
import { tagPages } from "../core/registry/tags.ts";
import { connect } from "./connect.ts";
import type { Context } from "./context.ts";

// Who presses TAB waits for the prompt.
const MAX_WAIT_MS = 900;
const MAX_TAGS = 1000;

/** `regctl __complete -- WORD...`, which the completion scripts call. */
export function createCompleteCommand(context: Context): Command {
  return new Command("__complete")
    .description("Answer a completion script")
    .argument("[words...]")
    .action(async (words: string[], _options: unknown, self: Command) => {
      context.diagnostics.quiet = true;
      const completion = await complete(self.parent ?? self, words, {
        tags: (repository) => readTags(context, repository),
      });
      await context.host.stdout.write(formatCompletion(completion));
    });
}

async function readTags(context: Context, text: string): Promise<string[]> {
  const repository = parseRepository(text);
  const client = await connect(context, repository, {
    retries: 0,
    timeout: MAX_WAIT_MS,
    idleTimeout: MAX_WAIT_MS,
  });
  const tags: string[] = [];
  for await (const page of tagPages(client, repository)) {
    tags.push(...page.entries);
    if (tags.length >= MAX_TAGS) break;
  }
  return tags;
}
