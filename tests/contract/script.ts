import type { RecordedRequest, ScriptedRegistry, Step } from "../support/scripted_registry.ts";
import type { Reply } from "../support/scripted_reply.ts";

/** Where the tags of the repository `app` are. */
export const TAGS_PATH = "/v2/app/tags/list";

/** An answer with one tag. */
export const TAGS: Reply = { status: 200, body: { name: "app", tags: ["1"] } };

/** A GET and its answer. */
export function get(path: Step["path"], reply: Reply, more: Partial<Step> = {}): Step {
  return { method: "GET", path, reply, ...more };
}

/** A GET that must carry this `Authorization`, or none where it is undefined. */
export function getAs(
  authorization: string | undefined,
  path: Step["path"],
  reply: Reply,
  more: Partial<Step> = {},
): Step {
  return get(path, reply, { when: (it) => it.headers["authorization"] === authorization, ...more });
}

/** Where a registry must not send us: the URL, how it is shown, and why it is refused. */
export function refusedTargets(
  { host, port, url }: ScriptedRegistry,
): readonly (readonly [location: string, shown: string, reason: string])[] {
  const internal = "the address is internal";
  return [
    [`http://0.0.0.0:${port}/x`, `http://0.0.0.0:${port}`, internal],
    ["http://169.254.169.254/latest", "http://169.254.169.254", internal],
    ["file:///etc/passwd", "file://", "only http and https are allowed"],
    [`http://u:canary@${host}/`, url, "it carries user information"],
  ];
}

/** A 401 with these `WWW-Authenticate` headers. */
export function challenge(...values: readonly string[]): Reply {
  return {
    status: 401,
    headers: values.map((value) => ["www-authenticate", value] as const),
    body: { errors: [{ code: "UNAUTHORIZED", message: "authentication required" }] },
  };
}

/** A Bearer challenge. */
export function bearer(realm: string, scope?: string): string {
  const wanted = scope === undefined ? "" : `,scope="${scope}"`;
  return `Bearer realm="${realm}",service="registry.test"${wanted}`;
}

/** The value of `Authorization` for Basic authentication. */
export function basic(user: string, password: string): string {
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

/** The requests in order: `GET /v2/ Bearer t1`, the body behind it where there is one. */
export function logOf({ requests }: ScriptedRegistry): string[] {
  return requests.map(formatRequest);
}

/** A page of tags with a link to the next one. */
export function page(tag: string, next: string): Reply {
  return {
    status: 200,
    headers: { link: `<${next}>; rel="next"` },
    body: { name: "app", tags: [tag] },
  };
}

/** An environment in which this is all there is of Docker's configuration. */
export function dockerAuth(auths: Readonly<Record<string, unknown>>): Record<string, string> {
  return { DOCKER_AUTH_CONFIG: JSON.stringify({ auths }) };
}

function formatRequest({ method, path, headers, body }: RecordedRequest): string {
  return [method, path, headers["authorization"], body].filter(Boolean).join(" ");
}
