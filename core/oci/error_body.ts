import { shorten } from "../shorten.ts";
import { isDigest } from "./digest.ts";
import { isObject } from "./json_object.ts";

/** One error of a registry's answer (distribution-spec, section "Error Codes"). */
export interface OciError {
  /** `NAME_UNKNOWN` and the like; empty when the answer has none. */
  readonly code: string;
  readonly message: string;
}

// Enough to understand, too little to fill a screen.
const MAX_SHOWN = 300;

/**
 * Reads the errors of an error body. The specification lets it be anything, and token servers have
 * forms of their own: `{errors: [{code, message}]}`, `{error: {…}}`, `{error, error_description}`,
 * `{message}`, `{details}`. Gives an empty list for anything else.
 */
export function parseErrorBody(body: Uint8Array): OciError[] {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(body));
  } catch {
    return [];
  }
  if (!isObject(value)) return [];
  if (Array.isArray(value["errors"])) return value["errors"].filter(isObject).map(toError);
  if (isObject(value["error"])) return [toError(value["error"])];
  const error = toError(value);
  return error.code || error.message ? [error] : [];
}

/** What the other side said, to be put behind its status: ` NAME_UNKNOWN: unknown`, or nothing. */
export function describeErrorBody(
  response: { readonly headers: Headers; readonly body: Uint8Array },
): string {
  const said = parseErrorBody(response.body)
    .map(({ code, message }) => [code, message].filter((part) => part !== "").join(": "))
    .filter((text) => text !== "");
  if (said.length > 0) return ` ${shorten(said.join("; "), MAX_SHOWN)}`;
  if (!/^text\/plain\b/i.test(response.headers.get("content-type") ?? "")) return "";
  const line = new TextDecoder().decode(response.body).trim().split(/[\r\n]/)[0] ?? "";
  return line === "" ? "" : `: ${shorten(line, MAX_SHOWN)}`;
}

function toError(value: Record<string, unknown>): OciError {
  const message = firstText(value["message"], value["error_description"], value["details"]);
  const digest = findDigest(value["detail"]);
  return {
    code: firstText(value["code"], value["error"]),
    // Which of them it is about: distribution says the same words of each missing blob.
    message: digest === "" || message.includes(digest) ? message : `${message} (${digest})`,
  };
}

function findDigest(detail: unknown): string {
  const text = isObject(detail) ? firstText(detail["digest"], detail["Digest"]) : detail;
  return typeof text === "string" && isDigest(text) ? text : "";
}

function firstText(...values: readonly unknown[]): string {
  return values.find((value): value is string => typeof value === "string") ?? "";
}
