/**
 * Takes this machine out of what goes through HTTP_PROXY, as Go programs do: a proxy elsewhere
 * would look for a local registry on its own machine, and see the password for it. To be called
 * before the first request.
 */
export function bypassProxyForLoopback(): void {
  const { env } = process;
  const listed = env["no_proxy"] ?? env["NO_PROXY"];
  if (listed === "*") return;
  const hosts = [listed, "localhost", "127.0.0.1", "[::1]"].filter((host) => host);
  env["NO_PROXY"] = env["no_proxy"] = hosts.join(",");
}
