import { escapeJson } from "./escape.ts";

/** A JSON document for standard output, indented by four as docker-registry-client's tools print it. */
export function formatJson(value: unknown): string {
  return `${escapeJson(JSON.stringify(value, null, 4))}\n`;
}

/** One line of newline-delimited JSON. */
export function formatJsonLine(value: unknown): string {
  return `${escapeJson(JSON.stringify(value))}\n`;
}
