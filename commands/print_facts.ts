import { countNoun } from "../core/count_noun.ts";
import { parseMoment } from "../core/date_time.ts";
import { RegctlError } from "../core/errors.ts";
import { ContentCache } from "../core/inventory/content_cache.ts";
import { ListedManifests } from "../core/inventory/listed_manifests.ts";
import { readTags } from "../core/inventory/read_tags.ts";
import { RowSelection, type RowSummary } from "../core/inventory/row_selection.ts";
import type { DateRange } from "../core/inventory/select_facts.ts";
import { type Fact, FACT_ORDERS, type FactOrder } from "../core/inventory/tag_facts.ts";
import type { Platform } from "../core/oci/platform.ts";
import type { Repository } from "../core/reference/repository.ts";
import { tagPages } from "../core/registry/tags.ts";
import type { SortOrder } from "../core/selection/select.ts";
import { joinSome } from "../core/shorten.ts";
import { connect } from "./connect.ts";
import type { Context } from "./context.ts";
import {
  collectNames,
  type ListingOptions,
  type NameSelection,
  type Presentation,
} from "./listing.ts";
import { readPlatforms, type RegistryOptions } from "./options.ts";
import { RowPrinter, type RowPrinterOptions } from "./row_printer.ts";
import {
  assertAllRead,
  createProgress,
  cutShort,
  readAsFarAsPossible,
  warnOfUnread,
  writeBefore,
} from "./unread_tags.ts";

/** More names help nobody. */
const MAX_NAMED = 10;

/** All that decides what `tags` reads and shows. */
export interface TagsOptions
  extends Omit<ListingOptions, "sort">, RegistryOptions, RowPrinterOptions {
  readonly sort: SortOrder | FactOrder;
  readonly newerThan?: string | undefined;
  readonly olderThan?: string | undefined;
  readonly platform?: string | undefined;
  readonly fullRef?: true | undefined;
  readonly cache: boolean;
  readonly concurrency: number;
}

/** What is to be read and chosen, by the flags. */
interface Wish {
  readonly order: FactOrder | undefined;
  readonly range: DateRange | undefined;
  readonly platforms: readonly Platform[] | undefined;
  readonly wants: ReadonlySet<Fact>;
}

/**
 * Lists tags by what is known of them: names are chosen first, then the facts of those are read, and
 * what they decide is decided.
 */
export async function printFacts(
  context: Context,
  repository: Repository,
  options: TagsOptions,
  presentation: Presentation,
): Promise<void> {
  const { host, diagnostics } = context;
  const now = host.clock.now();
  const wish = toWish(context, options, now);
  const client = await connect(context, repository, options);
  const listed = new ListedManifests();
  const names = await collectNames(
    context,
    listed.watch(tagPages(client, repository, options)),
    toNameSelection(options, wish),
    presentation,
  );
  noteChildren(context, listed);
  if (names.length > 0) assertTold(wish, listed, client.baseUrl.host);
  const { long = false, sort, output, limit } = options;
  const isInOrder = sort !== "none" || options.reverse === true || output !== "ndjson";
  // What may be of the date or not is of no use where only names are shown.
  const showsUnread = long || !(wish.range ?? wish.platforms);
  const selection = new RowSelection({ ...options, ...wish, showsUnread, isInOrder, now });
  const printer = new RowPrinter(context, repository, options, presentation, { now, ...wish });
  const progress = createProgress(context);
  const total = names.length;
  const cache = options.cache ? await ContentCache.open(host) : undefined;
  const failure = await readAsFarAsPossible(() =>
    readTags(client, repository, names, {
      ...wish,
      ...{ listed, now, cache, concurrency: options.concurrency },
      mayBeEnough: wish.order ? undefined : limit,
      isEnough: () => selection.isEnough,
      onAhead: (done, all) => progress("tags looked up", done, all),
      onRow: async (place, row) => {
        const printed = printer.add(selection.add(place, row));
        progress("tags read", selection.read, total);
        await printed;
      },
    })
  );
  diagnostics.clearProgress();
  if (failure && selection.read === 0) throw failure;
  // What is known is of use, whatever kept the rest from being known.
  await writeBefore(failure, () => printer.finish(selection.finish()));
  const summary = selection.summarize();
  noteLeftOut(context, summary, options);
  if (!long) warnOfUnread(context, summary.unread);
  if (failure) throw cutShort(failure, summary.read, total);
  assertAllRead(summary.unread, summary.read);
}

function toWish({ host }: Context, options: TagsOptions, now: number): Wish {
  const { long, newerThan, olderThan, platform, sort } = options;
  const order = FACT_ORDERS.find((one) => one === sort);
  const by = order === "pushed" ? order : "created";
  const platforms = readPlatforms(host, platform);
  const after = newerThan === undefined ? undefined : parseMoment(newerThan, now);
  const before = olderThan === undefined ? undefined : parseMoment(olderThan, now);
  if ((after ?? -Infinity) >= (before ?? Infinity)) {
    throw new RegctlError(
      "USAGE",
      `Nothing is newer than ${newerThan} and older than ${olderThan}`,
    );
  }
  const range = newerThan === undefined && olderThan === undefined
    ? undefined
    : { newerThan: after, olderThan: before, by } as const;
  const wants: readonly (Fact | undefined)[] = [
    order,
    ...(range ? [by] as const : []),
    ...(platforms ? ["platforms"] as const : []),
    ...(long ? ["created", "size"] as const : []),
  ];
  return { order, range, platforms, wants: new Set(wants.filter((fact) => fact !== undefined)) };
}

/** The names whose facts are read: all that fit where the facts decide what is shown of them. */
function toNameSelection(
  { sort, limit, reverse, ...others }: TagsOptions,
  { order, range, platforms }: Wish,
): NameSelection {
  const isDecided = !order && !range && !platforms;
  return {
    ...others,
    sort: sort === order ? "name" : sort as SortOrder,
    limit: isDecided ? limit : undefined,
    reverse: order ? undefined : reverse,
  };
}

/** Those who look for images in a repository of Google's may have to look below it. */
function noteChildren({ diagnostics }: Context, { children }: ListedManifests): void {
  if (children.length === 0) return;
  diagnostics.note(`There are repositories below it: ${joinSome(children, MAX_NAMED)}`);
}

function assertTold({ wants }: Wish, listed: ListedManifests, host: string): void {
  if (!wants.has("pushed") || listed.tellsPushed) return;
  throw new RegctlError("UNSUPPORTED", `${host} does not tell when a tag was pushed`, {
    hint: "Write --sort created: the date in the image itself",
  });
}

function noteLeftOut(
  { diagnostics }: Context,
  { undated, withoutPlatform, read }: RowSummary,
  { platform = "" }: TagsOptions,
): void {
  if (withoutPlatform > 0 && withoutPlatform === read) {
    diagnostics.note(`None of ${countNoun(read, "tag")} has an image for ${platform}`);
  }
  if (undated > 0) {
    diagnostics.note(`${countNoun(undated, "tag")} left out: no date tells how old the image is`);
  }
}
