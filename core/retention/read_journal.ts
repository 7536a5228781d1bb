import { Buffer } from "node:buffer";
import { RegctlError } from "../errors.ts";
import type { Host } from "../host.ts";
import { tryParseDigest } from "../oci/digest.ts";
import { computeDigest } from "../oci/hash.ts";
import { isObject } from "../oci/json_object.ts";
import { parseRepository, type Repository } from "../reference/repository.ts";
import { isTag } from "../reference/tag.ts";
import { formatRecord, JOURNAL_VERSION, journalFolder } from "./journal.ts";

/** A manifest of 4 MiB takes 6 here; a run that deletes a hundred such is rare. */
const MAX_JOURNAL_BYTES = 512 * 1024 * 1024;
const EXTENSION = ".jsonl";
const LINE_FEED = 0x0a;

/** What a run deleted, or was about to delete. */
export interface JournalRemoval {
  readonly repository: Repository;
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The manifests it lists, by their digests. */
  readonly children: readonly string[];
  /** Tags that went. */
  readonly tags: readonly string[];
  /** Whether the manifest itself went. */
  readonly manifest: boolean;
  /** Copies that a tag may have been moved to, by their digests. */
  readonly copies: ReadonlySet<string>;
}

/** A journal as it was read. */
export interface JournalContent {
  /** The name that `regctl undo` takes. */
  readonly name: string;
  readonly path: string;
  readonly command: string;
  /** RFC 3339. */
  readonly startedAt: string;
  /** What is not known to have stayed. */
  readonly removals: readonly JournalRemoval[];
  /** When all of it was put back, RFC 3339. */
  readonly undoneAt: string | undefined;
  /** Some of it was put back, the last time that it was tried. */
  readonly isPartlyUndone: boolean;
}

/** The names of all journals, the newest first. */
export async function listJournals(host: Host): Promise<readonly string[]> {
  const files = await host.listDirectory(journalFolder(host));
  return files
    .filter((file) => /^\d{8}T\d{9}-[a-z]+-[0-9a-f]{8}\.jsonl$/.test(file))
    .map((file) => file.slice(0, -EXTENSION.length))
    .reverse();
}

/**
 * Reads a journal by its name, or by the path of a file. A line that a crash cut off belongs to
 * what was never begun, and is left out. Throws `NOT_FOUND`, and `CONFIG` for what is no journal.
 */
export async function readJournal(host: Host, nameOrPath: string): Promise<JournalContent> {
  const isPath = /[/\\.]/.test(nameOrPath);
  const path = isPath ? nameOrPath : `${journalFolder(host)}/${nameOrPath}${EXTENSION}`;
  const bytes = await host.readFile(path, MAX_JOURNAL_BYTES);
  if (!bytes) {
    throw new RegctlError("NOT_FOUND", `There is no journal ${JSON.stringify(nameOrPath)}`, {
      hint: "See regctl undo --list",
    });
  }
  const records = toRecords(new TextDecoder().decode(bytes), path);
  const head = records.map((record) => record["journal"]).find(isObject);
  // Cut off before its first line was whole: nothing was deleted.
  const isUnused = !isPath && !bytes.includes(LINE_FEED);
  if (!isUnused && head?.["version"] !== JOURNAL_VERSION) {
    throw refuse(path, "it is no journal of regctl");
  }
  const removals = new Map<unknown, Draft>();
  const contents = new Map<string, Uint8Array<ArrayBuffer>>();
  let undoneAt: string | undefined;
  let isPartlyUndone = false;
  for (const record of records) {
    if (isObject(record["removal"])) {
      const { id, ...removal } = record["removal"];
      removals.set(id, toRemoval(removal, contents, path));
    }
    const copy = record["copy"];
    if (isObject(copy)) removals.get(copy["removal"])?.copies.add(toText(copy["digest"]));
    const kept = record["kept"];
    if (isObject(kept)) keep(removals.get(kept["removal"]), kept);
    const undone = record["undone"];
    if (isObject(undone)) {
      const isWhole = undone["failed"] === 0;
      undoneAt = isWhole ? toText(undone["at"]) : undefined;
      isPartlyUndone = !isWhole && undone["restored"] !== 0;
    }
  }
  const name = (path.split(/[/\\]/).at(-1) ?? path).replace(/\.jsonl$/, "");
  return {
    name,
    path,
    command: toText(head?.["command"]),
    startedAt: toText(head?.["startedAt"]),
    removals: [...removals.values()].filter(({ tags, manifest }) => tags.length > 0 || manifest),
    undoneAt,
    isPartlyUndone,
  };
}

/** What a line says that notes how undoing went. */
export interface UndoneRecord {
  /** RFC 3339. */
  readonly at: string;
  readonly restored: number;
  readonly failed: number;
}

/** Notes in a journal how undoing it went. */
export async function markUndone(host: Host, path: string, undone: UndoneRecord): Promise<void> {
  const log = await host.openLog(path);
  // The last line may be one that was cut off.
  await log.append(`\n${formatRecord({ undone })}`);
  await log.close();
}

interface Draft extends JournalRemoval {
  tags: readonly string[];
  manifest: boolean;
  readonly copies: Set<string>;
}

function toRemoval(
  removal: Record<string, unknown>,
  contents: Map<string, Uint8Array<ArrayBuffer>>,
  path: string,
): Draft {
  const { repository: name, digest, mediaType, tags, manifest, children, data } = removal;
  const parsed = typeof digest === "string" ? tryParseDigest(digest) : undefined;
  const isSound = typeof name === "string" && typeof digest === "string" && parsed &&
    typeof mediaType === "string" && isList(tags) && tags.every(isTag) && isList(children);
  if (!isSound) throw refuse(path, "a line of it is not as regctl writes it");
  const repository = parseRepository(
    name,
    {},
    (reason) => refuse(path, `a repository in it has no valid name: ${reason}`),
  );
  const key = `${name}@${digest}`;
  const bytes = typeof data === "string"
    ? new Uint8Array(Buffer.from(data, "base64"))
    : contents.get(key);
  if (!bytes || computeDigest(bytes, parsed.algorithm) !== digest) {
    throw refuse(path, `the manifest ${digest} in it is damaged`);
  }
  contents.set(key, bytes);
  const isWhole = manifest === true;
  return {
    ...{ repository, digest, mediaType, bytes, children, tags, manifest: isWhole },
    copies: new Set(),
  };
}

function keep(removal: Draft | undefined, { tags, manifest }: Record<string, unknown>): void {
  if (!removal || !isList(tags)) return;
  removal.tags = removal.tags.filter((tag) => !tags.includes(tag));
  if (manifest === true) removal.manifest = false;
}

function isList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

/**
 * The lines as objects. One that is none must be the last that was written, cut off by a crash, with
 * nothing behind it but notes of an undo.
 */
function toRecords(text: string, path: string): readonly Record<string, unknown>[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.flatMap((line, i) => {
    const record = tryParseRecord(line);
    if (record) return [record];
    const rest = lines.slice(i + 1).map(tryParseRecord);
    if (rest.some((it) => !isObject(it?.["undone"]))) throw refuse(path, "a line of it is damaged");
    return [];
  });
}

function tryParseRecord(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function refuse(path: string, reason: string): RegctlError {
  return new RegctlError("CONFIG", `Cannot use the journal ${path}: ${reason}`, {
    hint: "Name another one of regctl undo --list",
  });
}

function toText(value: unknown): string {
  return typeof value === "string" ? value : "";
}
