import { Argument, Command } from "commander";
import { readCompletionScript, type Shell, SHELLS } from "../completions/mod.ts";
import type { Context } from "./context.ts";

/** `regctl completions SHELL` */
export function createCompletionsCommand({ host }: Context): Command {
  return new Command("completions")
    .description("Print the completion script of a shell")
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS))
    .addHelpText(
      "after",
      `
To install:
  bash        echo 'source <(regctl completions bash)' >> ~/.bashrc
  zsh         regctl completions zsh > "\${fpath[1]}/_regctl"
  fish        regctl completions fish > ~/.config/fish/completions/regctl.fish
  powershell  regctl completions powershell | Out-String | Invoke-Expression`,
    )
    .action(async (shell: Shell) => host.stdout.write(await readCompletionScript(shell)));
}
