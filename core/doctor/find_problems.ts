import { countNoun } from "../count_noun.ts";
import type { ErrorCode } from "../errors.ts";
import { type CheckFailure, type Facts, factsOf, type Finding, isFailure } from "./facts.ts";
import { findMissingActions } from "./missing_actions.ts";

/** Something that is wrong, and what to do about it. */
export interface Problem {
  readonly problem: string;
  /** One imperative sentence without a full stop. */
  readonly remedy: string;
}

const MAX_SKEW_SECONDS = 60;
const MIN_DAYS_LEFT = 14;
const MIN_REMAINING_SHARE = 0.1;

/** All that is wrong by these facts, what weighs most first. */
export function findProblems(facts: Facts): Problem[] {
  const problems = [
    ...findFailures(facts),
    ...findTransportProblems(facts),
    ...findTokenProblems(facts),
    ...findPagingProblems(facts),
    ...findDeletionProblems(facts),
    ...findRateLimitProblems(facts),
    ...findClockProblems(facts),
  ];
  // A helper that is missing fails every check that needs it, in the same words.
  return problems.filter(({ problem }, i) =>
    problems.findIndex((other) => other.problem === problem) === i
  );
}

function findFailures(facts: Facts): Problem[] {
  const { credential, api, access, catalog, paging, deletion, referrers, tls } = facts;
  const findings: Finding<object>[] = [credential, api, access, catalog, paging];
  findings.push(deletion, referrers);
  // Whoever cannot be reached shows no certificate either.
  if (!isFailure(api)) findings.push(tls);
  return findings.filter((finding) => isFailure(finding)).map(({ error }) => ({
    problem: error.message,
    remedy: remedyFor(error, facts),
  }));
}

const REMEDIES: Partial<Record<ErrorCode, string>> = {
  NETWORK: "Check the host, the port and the network between",
  TIMEOUT: "Allow more time with --timeout or --idle-timeout",
  SERVER: "Try again later, or tell who runs the registry",
  CONFIG: "Correct that file, or leave it out",
};

function remedyFor({ code, hint }: CheckFailure["error"], { credential }: Facts): string {
  if (code === "UNAUTHORIZED" || code === "DENIED") {
    return factsOf(credential)?.state === "none"
      ? "Give a credential with -u USER --password-stdin, or log in with regctl login"
      : "Check the credential, and that it is good for this registry and this name";
  }
  return hint ?? REMEDIES[code] ??
    "Check the host, and whether something else answers in its place";
}

function findTransportProblems({ url, local, api, credential, tls }: Facts): Problem[] {
  const { host, protocol } = new URL(url);
  const problems: Problem[] = [];
  const isAsked = factsOf(api)?.status === 401 && factsOf(credential)?.state === "found";
  if (protocol === "http:" && !local && isAsked) {
    problems.push({
      problem: `The credential travels to ${host} unencrypted, by plain http`,
      remedy: "Reach the registry by https, and change the password",
    });
  }
  const certificate = factsOf(tls);
  if (certificate?.state !== "seen") return problems;
  const { trust, reason, daysLeft } = certificate;
  // Where it kept us out, that is told already.
  if (trust === "none" && !isFailure(api)) {
    problems.push({
      problem: `The certificate of ${host} is not trusted: ${reason ?? "it is not known why"}`,
      remedy: "Name its certificate authority with --ca-file, and leave out --insecure",
    });
  }
  if (daysLeft !== null && daysLeft >= 0 && daysLeft < MIN_DAYS_LEFT) {
    problems.push({
      problem: `The certificate of ${host} ends in ${countNoun(daysLeft, "day")}`,
      remedy: "Renew the certificate, or tell who runs the registry",
    });
  }
  return problems;
}

function findTokenProblems({ tokens, credential }: Facts): Problem[] {
  const isKnown = factsOf(credential)?.state === "found";
  return tokens.flatMap(({ asked, granted }) =>
    granted === null ? [] : findMissingActions(asked, granted)
  ).filter(({ actions }) => isKnown || actions.includes("pull")).map(({ resource, actions }) => ({
    problem: `The token does not grant ${actions.join(" and ")} on ${resource}`,
    remedy: isKnown
      ? "Ask for that right where the registry's users are kept, or use another credential"
      : "Give a credential with -u USER --password-stdin, or log in with regctl login",
  }));
}

function findPagingProblems({ paging }: Facts): Problem[] {
  const facts = factsOf(paging);
  if (!facts) return [];
  const { state, refused, largestAccepted, largestPage, isCapped } = facts;
  const problems: Problem[] = [];
  if (state === "unlinked") {
    problems.push({
      problem: "Pages of tags come without a link to the next one",
      remedy: "Leave out --page-size, and tell who runs the registry",
    });
  }
  const smallest = refused.at(-1);
  if (smallest !== undefined) {
    problems.push({
      problem: largestAccepted === null
        ? `Even a page of ${smallest} tags is refused`
        : `A page of ${smallest} tags is refused; one of ${largestAccepted} is not`,
      remedy: largestAccepted === null
        ? "Leave out --page-size"
        : `Ask for no more than --page-size ${largestAccepted}`,
    });
  }
  if (isCapped) {
    problems.push({
      problem: `A page holds ${countNoun(largestPage, "tag")} at most, whatever is asked for`,
      remedy: `Reckon with one request for each ${countNoun(largestPage, "tag")}`,
    });
  }
  return problems;
}

function findDeletionProblems({ deletion, credential, tokens }: Facts): Problem[] {
  const facts = factsOf(deletion);
  if (facts?.state === "disabled") {
    return [{
      problem: "Deleting is disabled",
      remedy: "Set storage.delete.enabled: true, or REGISTRY_STORAGE_DELETE_ENABLED=true, where " +
        "it is docker-registry, else ask who runs the registry",
    }];
  }
  if (facts?.state !== "notAllowed" || factsOf(credential)?.state !== "found") return [];
  const isTold = tokens.some(({ asked, granted }) =>
    granted !== null &&
    findMissingActions(asked, granted).some(({ actions }) => actions.includes("delete"))
  );
  return isTold ? [] : [{
    problem: "Deleting is not allowed with this credential",
    remedy: "Ask for that right where the registry's users are kept, or use another credential",
  }];
}

function findRateLimitProblems({ rateLimit }: Facts): Problem[] {
  const { limit = null, remaining = null } = rateLimit ?? {};
  if (limit === null || remaining === null || remaining >= limit * MIN_REMAINING_SHARE) return [];
  return [{
    problem: `The rate limit is nearly used up: ${remaining} of ${limit} left`,
    remedy: "Wait, or log in as a user who is allowed more requests",
  }];
}

function findClockProblems({ clock }: Facts): Problem[] {
  const { skewSeconds = 0 } = clock ?? {};
  if (Math.abs(skewSeconds) <= MAX_SKEW_SECONDS) return [];
  const side = skewSeconds > 0 ? "ahead of" : "behind";
  return [{
    problem: `The registry's clock is ${Math.abs(skewSeconds)} s ${side} this machine's`,
    remedy: "Set both by a time server: tokens and certificates are good for a time",
  }];
}
