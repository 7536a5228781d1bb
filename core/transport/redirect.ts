import { RegctlError } from "../errors.ts";
import type { Stage } from "../http/exchange.ts";
import { assertAllowedTarget } from "../http/target.ts";

const MAX_REDIRECTS = 5;

// Headers that must not leave the origin they were meant for.
const CREDENTIAL_HEADERS = ["authorization", "cookie", "proxy-authorization"];

/**
 * Follows redirects by hand. A target must be one the origin may name; credentials stay behind
 * when the origin (scheme, host and port) changes, and do not come back on a later hop. Only
 * reading is followed: a redirected DELETE would delete where nobody asked for it.
 *
 * Throws `INVALID_RESPONSE` for a target that is refused, and after too many hops.
 */
export function followRedirects(): Stage {
  return (next) => async (request) => {
    if (request.method !== "GET" && request.method !== "HEAD") return await next(request);
    let { url, headers } = request;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const response = await next({ ...request, url, headers });
      const location = [301, 302, 303, 307, 308].includes(response.status)
        ? response.headers.get("location")
        : null;
      if (location === null) return response;
      if (!URL.canParse(location, url.href)) {
        throw new RegctlError("INVALID_RESPONSE", `${url.host} redirects to what is no URL`);
      }
      const target = new URL(location, url);
      assertAllowedTarget(target, request.url, "a redirect");
      // The first request's URL says what may be named, each hop's what may be left.
      assertAllowedTarget(target, url, "a redirect");
      if (target.origin !== url.origin) {
        headers = new Headers(headers);
        for (const name of CREDENTIAL_HEADERS) headers.delete(name);
      }
      url = target;
    }
    throw new RegctlError(
      "INVALID_RESPONSE",
      `${request.url.host} redirects more than ${MAX_REDIRECTS} times`,
    );
  };
}
