/** The shells there is a completion script for. */
export const SHELLS = ["bash", "zsh", "fish", "powershell"] as const;

/** One of {@linkcode SHELLS}. */
export type Shell = typeof SHELLS[number];

/** The completion script of a shell. Each is imported when asked for: no other command pays for it. */
export async function readCompletionScript(shell: Shell): Promise<string> {
  switch (shell) {
    case "bash":
      return (await import("./regctl.bash", { with: { type: "text" } })).default;
    case "zsh":
      return (await import("./regctl.zsh", { with: { type: "text" } })).default;
    case "fish":
      return (await import("./regctl.fish", { with: { type: "text" } })).default;
    case "powershell":
      return (await import("./regctl.ps1", { with: { type: "text" } })).default;
  }
}
