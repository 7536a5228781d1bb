import { countNoun } from "../count_noun.ts";
import {
  type CredentialFacts,
  type Facts,
  factsOf,
  type Finding,
  isFailure,
  type PagingFacts,
  type TlsReport,
  type TokenRecord,
} from "./facts.ts";

/** A line of the report: what it is about, and what was found. Not yet escaped. */
export type Line = readonly [label: string, text: string];

/** What {@linkcode describeFacts} takes beside the facts. */
export interface DescribeOptions {
  /** Whether the registry was told who asks. */
  readonly hasIdentified: boolean;
}

/** The facts as lines for a person. What was not looked at has none. */
export function describeFacts(facts: Facts, { hasIdentified }: DescribeOptions): Line[] {
  const { api, access } = facts;
  const lines: (readonly [string, string | undefined])[] = [
    ["url", `${facts.url}/v2/`],
    [
      "status",
      describe(
        api,
        ({ status }) => status === 200 ? "200 open to all" : `${status} authentication required`,
      ),
    ],
    ["version", describe(api, ({ version }) => version ?? "not named", "")],
    ["auth", describe(api, ({ schemes }) => schemes.join(", ") || "none", "")],
    ["realm", describe(api, ({ realm }) => realm ?? undefined, "")],
    ["service", describe(api, ({ service }) => service ?? undefined, "")],
    [
      "credential",
      describe(
        facts.credential,
        (credential) =>
          describeCredential(credential) +
          (!hasIdentified && isUnasked(facts) ? ", not asked for, so not checked" : ""),
      ),
    ],
    ...facts.tokens.map((token) => ["token", describeToken(token)] as const),
    ["access", describe(access, ({ status }) => `${status} granted`)],
    ["catalog", describe(facts.catalog, ({ state, status }) => `${state}${code(status)}`)],
    ["paging", describe(facts.paging, ({ state }) => PAGING[state])],
    ["page size", describe(facts.paging, describePageSize, "")],
    [
      "deletion",
      describe(facts.deletion, ({ state, status }) => `${DELETION[state]}${code(status)}`),
    ],
    [
      "referrers",
      describe(facts.referrers, ({ state, status }) => `${REFERRERS[state]}${code(status)}`),
    ],
    ["rate limit", describeRateLimit(facts)],
    ...describeTls(facts.tls),
    ["clock", describeClock(facts)],
  ];
  return lines.filter((line): line is Line => line[1] !== undefined && line[1] !== "");
}

/** Undefined where there is no finding. */
function describe<T extends object>(
  finding: Finding<T>,
  format: (facts: T) => string | undefined,
  failure?: string,
): string | undefined {
  if (finding === null) return undefined;
  if (!isFailure(finding)) return format(finding as T);
  return failure ?? `failed (${finding.error.code})`;
}

/** True where a credential is there and nobody wants to see it. */
function isUnasked({ credential, api, access, tokens }: Facts): boolean {
  return factsOf(credential)?.state === "found" && factsOf(api)?.status === 200 &&
    factsOf(access) !== undefined && tokens.length === 0;
}

function code(status: number | null): string {
  return status === null ? "" : ` (${status})`;
}

function describeCredential(credential: CredentialFacts): string {
  if (credential.state === "none") return "none found";
  const { kind, username, source } = credential;
  if (kind === "password") return `"${username}", from ${source}`;
  return `${kind === "identityToken" ? "an identity token" : "a token"}, from ${source}`;
}

function describeToken({ asked, granted, lifetimeSeconds }: TokenRecord): string {
  const wanted = asked.join(" ") || "nothing";
  const given = granted === null ? "not visible" : granted.join(" ") || "nothing";
  const lifetime = lifetimeSeconds === null ? "its lifetime not named" : `for ${lifetimeSeconds} s`;
  return `asked ${wanted}, granted ${given}, ${lifetime}`;
}

const PAGING: Record<PagingFacts["state"], string> = {
  pages: "pages with links",
  unlinked: "pages without links",
  whole: "none, all tags come at once",
  unseen: "not visible, there are too few tags",
};

function describePageSize({ largestAccepted, largestPage }: PagingFacts): string {
  const accepted = largestAccepted === null ? "none" : `up to ${largestAccepted}`;
  return `${accepted} accepted, the largest page had ${countNoun(largestPage, "tag")}`;
}

const DELETION = {
  enabled: "enabled",
  disabled: "disabled",
  notAllowed: "not allowed",
  unknown: "not known",
} as const;

const REFERRERS = { api: "by the API", tags: "by fallback tags", unknown: "not known" } as const;

function describeRateLimit({ rateLimit, api }: Facts): string | undefined {
  // Where nothing answered, nothing could be named.
  if (!rateLimit) return isFailure(api) ? undefined : "none named";
  const { headers, limit, remaining, windowSeconds } = rateLimit;
  const window = windowSeconds === null ? "" : ` in ${formatSeconds(windowSeconds)}`;
  const budget = limit === null ? [] : [`${limit}${window}`];
  if (remaining !== null) budget.push(`${remaining} left`);
  const fields = headers.map(({ name, value }) => `${name}: ${value}`).join(", ");
  return budget.length > 0 ? `${budget.join(", ")} (${fields})` : fields;
}

/** `21600` -> `6 h`, in the largest unit that divides it. */
export function formatSeconds(seconds: number): string {
  const units = [[86_400, "d"], [3600, "h"], [60, "min"]] as const;
  const [size, unit] = units.find(([size]) => seconds > 0 && seconds % size === 0) ?? [1, "s"];
  return `${seconds / size} ${unit}`;
}

const TRUST = {
  system: "by the system",
  given: "by --ca-file, SSL_CERT_FILE or certs.d",
  none: "by nobody",
} as const;

function describeTls(tls: Finding<TlsReport>): (readonly [string, string | undefined])[] {
  const about = describe(tls, (facts) => {
    if (facts.state === "seen") return facts.protocol;
    return facts.state === "plain" ? "none, it is plain http" : "not visible through a proxy";
  }, "not visible");
  if (tls === null || isFailure(tls) || tls.state !== "seen") return [["tls", about]];
  const { subject, names, issuer, validFrom, validTo, daysLeft, trust, reason } = tls;
  const left = daysLeft === null
    ? ""
    : daysLeft < 0
    ? ", over"
    : `, ${countNoun(daysLeft, "day")} left`;
  return [
    ["tls", about],
    ["certificate", [subject, names].filter((part) => part !== "").join(", for ")],
    ["issuer", issuer],
    ["valid", `${validFrom ?? "?"} to ${validTo ?? "?"}${left}`],
    ["trusted", reason === null ? TRUST[trust] : `${TRUST[trust]}: ${reason}`],
  ];
}

function describeClock({ clock, api }: Facts): string | undefined {
  if (!clock) return isFailure(api) ? undefined : "not visible, no answer has a date";
  const { skewSeconds } = clock;
  if (skewSeconds === 0) return "in step with this machine's";
  return `${Math.abs(skewSeconds)} s ${skewSeconds > 0 ? "ahead of" : "behind"} this machine's`;
}
