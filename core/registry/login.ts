import { RegctlError } from "../errors.ts";
import { MAX_ERROR_BYTES } from "../http/exchange.ts";
import { describeErrorBody } from "../oci/error_body.ts";
import type { RegistryClient } from "./client.ts";
import { apiUrl } from "./endpoints.ts";
import { assertVersion2 } from "./ping.ts";
import { assertStatus } from "./response_gate.ts";

/**
 * Has a registry check the credential that `client` answers its challenge with, by `GET /v2/`.
 * Gives false when the registry asked for none, so that nothing is known about it.
 *
 * Throws `UNAUTHORIZED` when the registry, or its token server, refuses it.
 */
export async function checkCredential(client: RegistryClient): Promise<boolean> {
  const response = await client.send({
    method: "GET",
    url: apiUrl(client.baseUrl),
    headers: new Headers({ accept: "application/json" }),
    maxBytes: MAX_ERROR_BYTES,
    ...(client.signal && { signal: client.signal }),
  });
  const { status, identity = "anonymously" } = response;
  const { host } = client.baseUrl;
  const wasAsked = identity !== "anonymously";
  if (wasAsked && (status === 401 || status === 403)) {
    throw new RegctlError(
      "UNAUTHORIZED",
      `Cannot log in to "${host}" ${identity}: ` +
        `${response.url.host} answered ${status}${describeErrorBody(response)}`,
      { hint: "Check the user name and the password or access token" },
    );
  }
  assertStatus(response, wasAsked ? [200] : [200, 404], `log in to "${host}"`);
  if (!wasAsked) assertVersion2(client, response);
  return wasAsked;
}
