import { Command, Option } from "commander";
import { formatReference } from "../core/reference/reference.ts";
import { formatRepository } from "../core/reference/repository.ts";
import { formatJson } from "../core/render/json.ts";
import { formatCount } from "../core/render/progress.ts";
import type { PlannedTag, RepositoryPlan } from "../core/retention/plan.ts";
import type { Policy } from "../core/retention/policy.ts";
import { planRepository } from "../core/retention/plan_repository.ts";
import { toPlanDocument } from "../core/retention/plan_file.ts";
import { withScheme } from "../core/registry/repository_name.ts";
import { imagesOf } from "../core/retention/used_digests.ts";
import type { UsedImage } from "../core/retention/used_images.ts";
import { compilePattern } from "../core/selection/pattern.ts";
import { describeNextStep, formatPlans } from "./plan_text.ts";
import { connect } from "./connect.ts";
import type { Context } from "./context.ts";
import { assertOneRegistry, readCredentialFlags } from "./credential_flags.ts";
import { assertOneInput, STANDARD_INPUT } from "./input.ts";
import { createConcurrencyOption, type RegistryOptions, withRegistryOptions } from "./options.ts";
import {
  type PolicyOptions,
  readPolicyOptions,
  readUsed,
  withPolicyOptions,
} from "./policy_options.ts";
import { readRepository } from "./references.ts";

interface PruneOptions extends RegistryOptions, PolicyOptions {
  readonly concurrency: number;
  readonly output: "table" | "json";
}

/** `regctl prune REPO...` */
export function createPruneCommand(context: Context): Command {
  return withRegistryOptions(
    withPolicyOptions(
      new Command("prune")
        .description("Plan which tags and manifests may go, by a policy; changes nothing")
        .argument("<repo...>", "repositories, such as quay.io/team/app")
        .addOption(createConcurrencyOption())
        .addOption(
          new Option("-o, --output <format>", "table: for people; json: for regctl apply")
            .choices(["table", "json"]).default("table"),
        ),
    ),
  ).action((texts: string[], options: PruneOptions) => run(context, texts, options));
}

async function run(
  context: Context,
  texts: readonly string[],
  options: PruneOptions,
): Promise<void> {
  const { host, diagnostics, secrets } = context;
  const repositories = texts.map((text) => readRepository(context, text));
  assertOneRegistry(repositories.map(({ registry }) => registry), options);
  const policy = await readPolicyOptions(context, options);
  const files = policy.keepUsed;
  if (files.includes(STANDARD_INPUT)) assertOneInput(STANDARD_INPUT, options);
  const all = await readUsed(context, files, options.timeout);
  const credential = await readCredentialFlags(context, options);
  const plans: RepositoryPlan[] = [];
  for (const repository of repositories) {
    const name = formatRepository(repository);
    const client = await connect(context, repository, options, { credential });
    const used = imagesOf(repository, all);
    if (files.length > 0) noteUse(context, used, all, name);
    const plan = await planRepository(client, withScheme(repository, client.baseUrl), {
      ...{ policy, used, now: host.clock.now(), concurrency: options.concurrency },
      withReferrers: options.withReferrers ?? false,
      allowEmpty: options.allowEmpty ?? false,
      onProgress: (what, done, total) =>
        diagnostics.progress(formatCount({ done, total, what: `${what} read` })),
    });
    // What a registry says may hold what it was told.
    const clean = (one: PlannedTag) => ({ ...one, reason: secrets.redact(one.reason) });
    plans.push({ ...plan, tags: plan.tags.map(clean) });
  }
  diagnostics.clearProgress();
  const createdAt = new Date(host.clock.now()).toISOString();
  await warnOfIdlePatterns(context, policy, plans);
  if (options.output === "json") {
    return await host.stdout.write(formatJson(toPlanDocument({ createdAt, repositories: plans })));
  }
  await host.stdout.write(await formatPlans(plans));
  diagnostics.note(describeNextStep(plans, options.allowEmpty));
}

/** A protection that protects nothing is most often misspelled. */
async function warnOfIdlePatterns(
  { diagnostics }: Context,
  { protect }: Policy,
  plans: readonly RepositoryPlan[],
): Promise<void> {
  for (const pattern of protect) {
    const matches = await compilePattern(pattern);
    const isIdle = plans.every(({ tags }) => !tags.some(({ tag }) => matches(tag)));
    if (isIdle) diagnostics.warn(`--protect ${pattern} fits no tag`);
  }
}

/** Whoever gave a list of images in use wants to know whether it was understood. */
function noteUse(
  { diagnostics }: Context,
  used: readonly UsedImage[],
  all: readonly UsedImage[],
  name: string,
): void {
  const count = (images: readonly UsedImage[]) =>
    new Set(images.map(({ reference }) => formatReference(reference))).size;
  if (used.length === 0) {
    return diagnostics.warn(`none of the ${count(all)} images in use is of ${name}`);
  }
  diagnostics.note(`${count(used)} of ${count(all)} images in use: of ${name}`);
}
