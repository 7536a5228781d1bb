import { type ErrorCode, RegctlError } from "../errors.ts";
import type { HttpResponse } from "../http/exchange.ts";
import { describeErrorBody, parseErrorBody } from "../oci/error_body.ts";
import { shorten } from "../shorten.ts";

/** Finds a hint by the codes of the registry's errors, and by the response. */
export type HintOf = (codes: readonly string[], response: HttpResponse) => string | undefined;

/**
 * Lets a response with one of the wanted statuses pass, and turns any other into the error it
 * stands for.
 *
 * @param task what was tried, as in `list the tags of "busybox"`
 * @param hintOf a hint that fits the task better than the usual one; undefined where it has none
 */
export function assertStatus(
  response: HttpResponse,
  wanted: readonly number[],
  task: string,
  hintOf: HintOf = () => undefined,
): void {
  if (wanted.includes(response.status)) return;
  const codes = parseErrorBody(response.body).map(({ code }) => code);
  const code = classify(response.status, codes);
  const { status, attempts = 1 } = response;
  const tries = attempts > 1 ? ` (${attempts} tries)` : "";
  throw new RegctlError(
    code,
    `Cannot ${task}: ${response.url.host} answered ${status}${describeErrorBody(response)}${tries}`,
    {
      hint: hintOf(codes, response) ?? hintFor(code, codes, response),
      isDoubtful: response.mayHaveArrived,
    },
  );
}

/**
 * Throws `INVALID_RESPONSE` where a web page came, as from a login page in between. An answer that
 * names a digest is a registry's, whatever its server calls an empty body.
 */
export function assertNoWebPage(response: HttpResponse, task: string): void {
  const { headers } = response;
  if (headers.has("docker-content-digest")) return;
  if (/^text\/html\b/i.test(headers.get("content-type") ?? "")) {
    throw notRegistry(response, task);
  }
}

/** The JSON of a response; throws `INVALID_RESPONSE` where something else answered. */
export function parseJson(response: HttpResponse, task: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(response.body));
  } catch {
    throw notRegistry(response, task);
  }
}

function notRegistry({ url, headers, body }: HttpResponse, task: string): RegctlError {
  const type = headers.get("content-type") ?? "none";
  return new RegctlError(
    "INVALID_RESPONSE",
    `Cannot ${task}: what ${url.host} sent is not a registry's answer ` +
      `(content type ${shorten(type, 100)}, ${body.length} bytes)`,
    { hint: "Look whether a proxy or a login page answers in its place" },
  );
}

function classify(status: number, codes: readonly string[]): ErrorCode {
  if (status === 429 || codes.includes("TOOMANYREQUESTS")) return "RATE_LIMITED";
  if (status === 401 || codes.includes("UNAUTHORIZED")) return "UNAUTHORIZED";
  if (status === 403 || codes.includes("DENIED")) return "DENIED";
  if (status === 405 || status === 501 || codes.includes("UNSUPPORTED")) return "UNSUPPORTED";
  if (status === 404) return "NOT_FOUND";
  if (status === 408) return "TIMEOUT";
  if (status >= 500) return "SERVER";
  return status >= 400 ? "REFUSED" : "INVALID_RESPONSE";
}

function hintFor(
  code: ErrorCode,
  codes: readonly string[],
  response: HttpResponse,
): string | undefined {
  const { host, protocol } = response.url;
  const identity = response.identity ?? "anonymously";
  switch (code) {
    case "UNAUTHORIZED":
    case "DENIED":
      if (response.redirectedFrom !== undefined) {
        return `${response.redirectedFrom} redirects there, and credentials are not sent along: ` +
          `name ${host} itself`;
      }
      return identity === "anonymously"
        ? "It does not exist, or needs credentials: give -u USER --password-stdin, " +
          "or log in with regctl login"
        : `You asked ${identity}: check that, and that the name exists and is open to you`;
    case "NOT_FOUND":
      return "Check the spelling; some registries also answer so where credentials are missing";
    case "RATE_LIMITED":
      return "Wait, or log in: many registries allow known users more requests";
    case "REFUSED":
      if (codes.includes("PAGINATION_NUMBER_INVALID")) return "Lower --page-size";
      // What a TLS server answers to plain http is not a registry's error.
      return response.status === 400 && protocol === "http:" && codes.length === 0
        ? `If the registry speaks TLS, write https://${host}/…`
        : undefined;
    default:
      return undefined;
  }
}
