import { Command, Option } from "commander";
import { parseRegistry } from "../core/reference/registry.ts";
import { ping } from "../core/registry/ping.ts";
import { formatFields } from "../core/render/fields.ts";
import { formatJson } from "../core/render/json.ts";
import { connect } from "./connect.ts";
import type { Context } from "./context.ts";
import { type ConnectionOptions, withConnectionOptions } from "./options.ts";

interface PingOptions extends ConnectionOptions {
  readonly output: "text" | "json";
}

/** `regctl ping [REGISTRY]` */
export function createPingCommand(context: Context): Command {
  return withConnectionOptions(
    new Command("ping")
      .description("Ask whether a registry is there, and how it wants to be asked")
      .argument("[registry]", "a registry, such as localhost:5000", "docker.io")
      .addOption(
        new Option("-o, --output <format>", "how to print").choices(["text", "json"])
          .default("text"),
      ),
  ).action(async (text: string, options: PingOptions) => {
    const registry = parseRegistry(text);
    const client = await connect(context, { registry }, options);
    const startedAt = context.host.clock.now();
    const answer = await ping(client);
    const ms = context.host.clock.now() - startedAt;
    if (options.output === "json") {
      await context.host.stdout.write(formatJson({ ...answer, ms }));
      return;
    }
    await context.host.stdout.write(formatFields([
      ["url", answer.url],
      ["status", describeStatus(answer.status)],
      ["auth", answer.schemes.join(", ") || "none"],
      ["realm", answer.realm],
      ["version", answer.apiVersion ?? "unknown"],
      ["time", `${ms} ms`],
    ]));
  });
}

function describeStatus(status: number): string {
  return status === 200 ? "200 open to all" : `${status} authentication required`;
}
