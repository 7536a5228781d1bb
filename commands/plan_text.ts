import { countNoun } from "../core/count_noun.ts";
import { shortenDigest } from "../core/oci/digest.ts";
import { formatRepository } from "../core/reference/repository.ts";
import { formatSize } from "../core/render/size.ts";
import { formatTable } from "../core/render/table.ts";
import { tryParseDigestTag } from "../core/retention/digest_tag.ts";
import { measureShare } from "../core/retention/guard_plan.ts";
import type { PlannedTag, RepositoryPlan } from "../core/retention/plan.ts";
import { compareVersions } from "../core/selection/version.ts";

const COLUMNS = ["ACTION", "TAG", "CREATED", "DIGEST", "REASON"];
/** What `regctl apply` lets pass without being told. */
const USUAL_PERCENT = 50;

/** Plans for people: a table each, and what it comes to. */
export async function formatPlans(plans: readonly RepositoryPlan[]): Promise<string> {
  const parts: string[] = [];
  for (const plan of plans) {
    const title = plans.length > 1 ? `${formatRepository(plan.repository)}\n` : "";
    const table = await formatTable(COLUMNS, [...plan.tags].sort(compareDates).map(toRow));
    parts.push(`${title}${table}\n${describe(plan)}\n`);
  }
  return parts.join("\n");
}

/** What to type to carry plans out. */
export function describeNextStep(plans: readonly RepositoryPlan[], allowEmpty = false): string {
  const goes = plans.some(({ tags, manifests }) =>
    manifests.length > 0 || tags.some(({ action }) => action === "delete")
  );
  if (!goes) return "Nothing was changed, and nothing may go";
  const percent = Math.max(...plans.map((plan) => measureShare(plan).percent));
  const limit = percent > USUAL_PERCENT ? ` --max-delete ${percent}%` : "";
  const empty = allowEmpty ? " --allow-empty" : "";
  return "Nothing was changed. To carry it out, add -o json >plan.json, then: " +
    `regctl apply plan.json${limit}${empty}`;
}

/** The newest first; those that have no date, or whose date does not matter, last. */
function compareDates(a: PlannedTag, b: PlannedTag): number {
  return (b.createdAt ?? 0) - (a.createdAt ?? 0) || compareVersions(b.tag, a.tag);
}

function toRow({ tag, digest, createdAt, action, reason }: PlannedTag): readonly string[] {
  const created = createdAt === undefined ? "-" : new Date(createdAt).toISOString().slice(0, 10);
  const shown = digest === undefined ? "-" : shortenDigest(digest);
  return [action, shortenTag(tag), created, shown, reason];
}

/** `sha256-0123456789ab….sig`: the whole of it is wider than a terminal. */
function shortenTag(tag: string): string {
  const digest = tryParseDigestTag(tag);
  if (digest === undefined) return tag;
  const dot = tag.indexOf(".");
  return `${shortenDigest(digest).replace(":", "-")}…${dot < 0 ? "" : tag.slice(dot)}`;
}

/** `localhost:5000/app: 3 of 14 tags may go, with 3 manifests; …` */
function describe({ repository, tags, manifests, freedBytes }: RepositoryPlan): string {
  const name = formatRepository(repository);
  const going = tags.filter(({ action }) => action === "delete").length;
  const all = countNoun(tags.length, "tag");
  if (going + manifests.length === 0) return `${name}: of ${all} nothing may go`;
  return `${name}: ${going} of ${all} may go, with ${countNoun(manifests.length, "manifest")}; ` +
    `when the registry collects its garbage, that frees ${formatSize(freedBytes)}`;
}
