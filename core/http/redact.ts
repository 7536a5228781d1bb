import { CUT_MARK } from "../shorten.ts";

// Parameters of the registry and token protocols that hold no secret. All others are hidden:
// a signed URL may keep its signature in any of them.
const PUBLIC_PARAMETERS = new Set([
  "n",
  "last",
  "service",
  "scope",
  "account",
  "client_id",
  "digest",
  "digest-algorithm",
  "mount",
  "from",
  "ns",
  "artifactType",
]);

const SECRET_HEADER = /authoriz|cookie|token|secret|signature|credential|password|api-?key/i;

/** A URL as it may be logged: no user information, no query values that may be secret. */
export function redactUrl(url: URL): string {
  const shown = new URL(url);
  shown.username = "";
  shown.password = "";
  shown.hash = "";
  const query = [...url.searchParams].map(([name, value]) =>
    PUBLIC_PARAMETERS.has(name) ? `${name}=${value}` : `${name}=***`
  );
  shown.search = "";
  return shown.href + (query.length > 0 ? `?${query.join("&")}` : "");
}

/** A header's value as it may be logged. */
export function redactHeader(name: string, value: string): string {
  if (SECRET_HEADER.test(name)) return "***";
  // A realm may be relative, and is a URL all the same.
  const holdsUrls = /^(location|link|content-location|referer|www-authenticate)$/i.test(name);
  return holdsUrls ? redactUrlText(value) : value;
}

/** Headers as they may be logged, a line each: `name: value`. */
export function redactHeaders(headers: Headers): string[] {
  return [...headers].map(([name, value]) => `${name}: ${redactHeader(name, value)}`);
}

/** Hides user information, and what parameters may keep secret, in the text of URLs. */
function redactUrlText(text: string): string {
  return text
    .replace(/([/\\]{2})[^/\\?#\s"<>]*@/g, "$1***@")
    .replace(
      // A ";" behind ">" begins a parameter of a Link header, not one of its URL.
      /((?:[?&#]|(?<!>);)([^=?&;#>"\s]*))=[^&;#>"\s]+/g,
      (whole, start: string, name: string) => PUBLIC_PARAMETERS.has(name) ? whole : `${start}=***`,
    )
    .replace(/#[^=&;#>"\s]+(?![^>"\s])/g, "#***");
}

// No text is cut behind more than this.
const MAX_BEGINNING_LENGTH = 500;

/** Where text was cut in the middle of a secret, what is left of that is hidden too. */
function hideBeginnings(text: string, secrets: readonly string[]): string {
  if (!text.includes(CUT_MARK)) return text;
  return text.split(CUT_MARK).map((part, i, { length }) => {
    if (i === length - 1) return part;
    // The most that may be one: a long secret may begin as a short one ends.
    const counts = secrets.map((secret) => countBeginning(part, secret));
    const count = Math.max(0, ...counts);
    return count === 0 ? part : `${part.slice(0, -count)}***`;
  }).join(CUT_MARK);
}

/** How many characters at the end of a text are the beginning of a secret; 0 for too few. */
function countBeginning(text: string, secret: string): number {
  const longest = Math.min(secret.length - 1, text.length, MAX_BEGINNING_LENGTH);
  for (let count = longest; count >= MIN_SECRET_LENGTH; count--) {
    if (text.endsWith(secret.slice(0, count))) return count;
  }
  return 0;
}

// Replacing shorter ones would garble the text and tell the secret by its gaps.
const MIN_SECRET_LENGTH = 4;

/** The secrets of one run. Everything written for people passes through {@linkcode redact}. */
export class Secrets {
  readonly #values = new Set<string>();

  /** Remembers a secret, and the forms in which it travels. */
  add(secret: string): void {
    if (secret.length < MIN_SECRET_LENGTH) return;
    this.#values.add(secret);
    // A lone surrogate, which JSON can bring, cannot be encoded and travels replaced.
    this.#values.add(encodeURIComponent(secret.toWellFormed()));
    this.#values.add(JSON.stringify(secret).slice(1, -1));
    // A form, as a token server gets it, escapes more than a URL does.
    this.#values.add(new URLSearchParams({ s: secret }).toString().slice("s=".length));
  }

  /** The text with every known secret, and what URLs in it may hold of others, replaced by `***`. */
  redact(text: string): string {
    // Runtimes put whole URLs into their messages, and registries into challenges.
    let clean = text.replace(/\bhttps?:[^\s"<>]+/gi, redactUrlText);
    // The longest first: one secret may hold another.
    const values = [...this.#values].sort((a, b) => b.length - a.length);
    for (const value of values) clean = clean.replaceAll(value, "***");
    return hideBeginnings(clean, values);
  }
}
