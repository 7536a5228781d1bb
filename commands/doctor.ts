import { Command, Option } from "commander";
import { cleanFacts } from "../core/doctor/clean_facts.ts";
import { describeFacts } from "../core/doctor/describe_facts.ts";
import { diagnose, failureOf } from "../core/doctor/diagnose.ts";
import type { Facts } from "../core/doctor/facts.ts";
import { findProblems, type Problem } from "../core/doctor/find_problems.ts";
import { Watch } from "../core/doctor/watch.ts";
import { RegctlError } from "../core/errors.ts";
import { parseReference } from "../core/reference/reference.ts";
import { parseRegistry } from "../core/reference/registry.ts";
import { parseRepository } from "../core/reference/repository.ts";
import { escapeText } from "../core/render/escape.ts";
import { formatFields } from "../core/render/fields.ts";
import { formatJson } from "../core/render/json.ts";
import { connect, type Target } from "./connect.ts";
import type { Context } from "./context.ts";
import { type RegistryOptions, withRegistryOptions } from "./options.ts";
import { tryParse } from "./references.ts";

interface DoctorOptions extends RegistryOptions {
  readonly output: "text" | "json";
}

/** `regctl doctor TARGET` */
export function createDoctorCommand(context: Context): Command {
  return withRegistryOptions(
    new Command("doctor")
      .description("Find out what works with a registry, and what does not; nothing is changed")
      .argument("<target>", "a registry or a repository, such as quay.io or quay.io/team/app")
      .addOption(
        new Option("-o, --output <format>", "how to print").choices(["text", "json"])
          .default("text"),
      ),
  ).action(async (text: string, options: DoctorOptions) => {
    const { host: { clock, stdout }, diagnostics, secrets } = context;
    const target = parseTarget(text);
    const watch: Watch = new Watch(clock, () => client.baseUrl.origin);
    const client = await connect(context, target, options, { observers: watch });
    const found = await diagnose({
      target: text,
      path: target.path,
      client,
      findCredential: client.findCredential,
      tlsFor: client.tlsFor,
      watch,
      clock,
      idleTimeoutMs: options.idleTimeout,
      onStep: (step) => diagnostics.progress(`Looking into ${text}: ${step}`),
    });
    diagnostics.clearProgress();
    const facts = cleanFacts(found, (text) => secrets.redact(text));
    const problems = findProblems(facts);
    await stdout.write(
      options.output === "json"
        ? formatJson({ ...facts, problems })
        : formatText(facts, problems, watch),
    );
    const failure = failureOf(facts);
    // The report has it already, with its remedy.
    if (failure) {
      throw new RegctlError(failure.code, `Cannot look further into ${text}`, { cause: failure });
    }
    // What --timeout cut off later left a gap in the report.
    context.abort.signal.throwIfAborted();
  });
}

function parseTarget(text: string): Target {
  const registry = tryParse(parseRegistry, text);
  if (registry) return { registry };
  const reference = tryParse(parseReference, text);
  const part = text.slice(text.lastIndexOf("/") + 1);
  if (!reference || !/[:@]/.test(part)) return parseRepository(text);
  throw new RegctlError(
    "USAGE",
    `Cannot look into ${JSON.stringify(text)}: it names one manifest, not a repository`,
    { hint: `Write ${text.slice(0, text.length - part.length)}${part.split(/[:@]/)[0]}` },
  );
}

function formatText(facts: Facts, problems: readonly Problem[], watch: Watch): string {
  const list = problems.map(({ problem, remedy }) =>
    `\nproblem: ${escapeText(problem)}\nremedy:  ${escapeText(remedy)}\n`
  );
  const result = list.length > 0 ? list.join("") : "\nNo problems found\n";
  return formatFields(describeFacts(facts, watch)) + result;
}
