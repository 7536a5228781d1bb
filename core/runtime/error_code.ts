/** The code of a file system's error: `ENOENT`; empty for anything else that was thrown. */
export function errorCode(error: unknown): string {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === "string" ? code : "";
}
