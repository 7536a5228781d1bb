import { readdir, readFile } from "node:fs/promises";
import { type CapturedRun, type CapturedRunOptions, runCaptured } from "../support/capture_host.ts";
import {
  type RecordedRequest,
  type ScriptedRegistry,
  startScriptedRegistry,
} from "../support/scripted_registry.ts";
import type { Reply } from "../support/scripted_reply.ts";
import { createTempFolder, type TempFolder } from "../support/temp_folder.ts";
import { type Content, content, digestOf, index, pointTo, serve } from "./oci_content.ts";

/**
 * What a registry does when it is asked to delete:
 * - `tags`: a tag alone, and a manifest with its tags, as the specification has it;
 * - `digests`: by digest alone, as distribution before 3.0;
 * - `manifests`: a tag takes its manifest along, and so all of its tags;
 * - `lastTags`: a tag alone, but its manifest goes with the last one, as with zot; a digest that has
 *   several tags is a conflict there;
 * - `untagged`: a digest only without tags, as with Google;
 * - `never`: nothing.
 */
export type Deleting = "tags" | "digests" | "manifests" | "lastTags" | "untagged" | "never";

/** Something unusual that happens to a request. */
export interface Incident {
  /** How often it happens. Default: 1. */
  readonly times?: number;
  /** The answer, in place of the usual one. */
  readonly reply?: Reply;
  /** The connection is reset: before anything was done, or after that. */
  readonly lost?: "before" | "after";
  /** Done before the answer, with the request at hand. */
  readonly act?: (request: RecordedRequest) => void | Promise<void>;
}

/** What {@linkcode startLab} begins with. */
export interface LabOptions {
  /** The tags of the repository `app`. */
  readonly tags: Readonly<Record<string, Content>>;
  /** Manifests without a tag. */
  readonly untagged?: readonly Content[];
  readonly deleting?: Deleting;
  /** Whether it lists referrers itself. Default: no. */
  readonly hasReferrers?: boolean;
}

/** A run, and what it asked for. */
export interface LabRun extends CapturedRun {
  /** `DELETE 1`, `PUT @copy`: the repository is left out, and digests go by their names. */
  readonly log: readonly string[];
  readonly requests: readonly RecordedRequest[];
}

/** A registry with one repository, and a home; made by {@linkcode startLab}. */
export class Lab implements AsyncDisposable {
  readonly tags: Map<string, Content>;
  readonly manifests = new Map<string, Content>();
  readonly folder: TempFolder;
  readonly #options: LabOptions;
  readonly #names = new Map<string, string>();
  readonly #lost = new Set<string>();
  #incidents: { method: string; name: string; left: number; incident: Incident }[] = [];
  #registry: ScriptedRegistry | undefined;

  constructor(options: LabOptions, folder: TempFolder) {
    this.#options = options;
    this.folder = folder;
    this.tags = new Map(Object.entries(options.tags));
    for (const one of [...this.tags.values(), ...options.untagged ?? []]) {
      this.manifests.set(one.digest, one);
    }
  }

  async start(): Promise<void> {
    const path = /^/;
    this.#registry = await startScriptedRegistry(
      ["GET", "HEAD", "PUT", "DELETE"].flatMap((method) => [
        {
          // Not before the answer: Deno would send the request again, and nobody would know.
          ...{ method, path, times: Infinity, fault: "reset-mid-body" as const },
          when: (request) => this.#find(request)?.incident.lost !== undefined,
          replyWith: async (request) => {
            const lost = this.#take(request);
            await lost?.act?.(request);
            if (lost?.lost === "after") this.#answer(request);
            return { status: 200 };
          },
        },
        {
          ...{ method, path, times: Infinity },
          replyWith: async (request) => {
            const incident = this.#take(request);
            await incident?.act?.(request);
            return incident?.reply ?? this.#answer(request);
          },
        },
      ]),
    );
  }

  get host(): string {
    return this.#registry?.host ?? "";
  }

  /** The folder of the journals. */
  get journals(): string {
    return this.folder.join("state", "regctl");
  }

  /** Calls a digest by a name in {@linkcode LabRun.log}. */
  name(names: Readonly<Record<string, Content | string>>): void {
    for (const [name, one] of Object.entries(names)) {
      this.#names.set(typeof one === "string" ? one : one.digest, `@${name}`);
    }
  }

  /**
   * Lets something happen to the next requests of a kind.
   *
   * @param name a tag, a digest, or `@copy`, `@random` for one that nobody knows
   */
  on(method: string, name: string, incident: Incident): void {
    this.#incidents.push({ method, name, left: incident.times ?? 1, incident });
  }

  /** Runs the program; `HOST` stands for the registry, in what was written too. */
  async run(words: readonly string[], options: CapturedRunOptions = {}): Promise<LabRun> {
    const registry = this.#registry;
    if (!registry) throw new Error("The lab is not started");
    const begin = registry.requests.length;
    const run = await runCaptured(this.words(words), {
      ...options,
      env: { ...this.env(), ...options.env },
    });
    registry.assertDone();
    const unused = this.#incidents.filter(({ left }) => left > 0 && left !== Infinity);
    if (unused.length > 0) throw new Error(`it never came to: ${JSON.stringify(unused)}`);
    this.#incidents = [];
    const requests = registry.requests.slice(begin);
    return {
      ...run,
      stdout: run.stdout.replaceAll(registry.host, "HOST"),
      stderr: run.stderr.replaceAll(registry.host, "HOST"),
      log: requests.map((request) => `${request.method} ${this.#nameOf(request)}`),
      requests,
    };
  }

  words(words: readonly string[]): string[] {
    return words.map((word) => word.replaceAll("HOST", this.host));
  }

  /** A home of its own, and a state folder in it. */
  env(): Record<string, string> {
    return { HOME: this.folder.join("home"), XDG_STATE_HOME: this.folder.join("state") };
  }

  /** All lines of all journals, the oldest first. */
  async journal(): Promise<Record<string, Record<string, unknown>>[]> {
    const names = await readdir(this.journals).catch(() => []);
    const texts = await Promise.all(
      names.sort().map((name) => readFile(`${this.journals}/${name}`, "utf8")),
    );
    return texts.join("").split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  }

  /** Somebody else pushes. */
  push(tag: string, one: Content): void {
    this.tags.set(tag, one);
    this.manifests.set(one.digest, one);
  }

  /** A manifest goes and leaves its tags, which lead to nothing, as with distribution that stumbles. */
  lose(digest: string): void {
    this.manifests.delete(digest);
    this.#lost.add(digest);
  }

  /** What each tag points to, by the names of the digests. */
  state(): Record<string, string> {
    return Object.fromEntries(
      [...this.tags].map(([tag, { digest }]) => [tag, this.#names.get(digest) ?? digest]),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#registry?.[Symbol.asyncDispose]();
    await this.folder[Symbol.asyncDispose]();
  }

  #find(request: RecordedRequest) {
    const { method } = request;
    const short = this.#nameOf(request);
    const name = request.path.replace("/v2/app/manifests/", "");
    return this.#incidents.find((it) =>
      it.left > 0 && it.method === method && (it.name === short || it.name === name)
    );
  }

  #take(request: RecordedRequest): Incident | undefined {
    const found = this.#find(request);
    if (found) found.left--;
    return found?.incident;
  }

  #nameOf({ path, method }: RecordedRequest): string {
    const short = path.replace("/v2/app/", "").replace("manifests/", "");
    return short.replace(/sha256:[0-9a-f]{64}/g, (digest) => {
      const known = this.#names.get(digest);
      if (known) return known;
      if (method === "DELETE" && !this.manifests.has(digest) && !this.#copies.has(digest)) {
        return "@random";
      }
      return this.#copies.has(digest) ? "@copy" : digest;
    });
  }

  /** All that was ever pushed and has no name. */
  readonly #copies = new Set<string>();

  #answer(request: RecordedRequest): Reply {
    const { method, path } = request;
    const [, kind, name = ""] = /^\/v2\/app\/(tags|manifests|referrers)\/([^?]+)/.exec(path) ?? [];
    if (kind === "tags") return { status: 200, body: { name: "app", tags: [...this.tags.keys()] } };
    if (kind === "referrers") return this.#listReferrers(name);
    if (kind !== "manifests") return problem(404, "NAME_UNKNOWN");
    if (method === "PUT") return this.#put(name, request);
    if (method === "DELETE") return this.#delete(name);
    const tagged = this.tags.get(name);
    const found = tagged && !this.#lost.has(tagged.digest) ? tagged : this.manifests.get(name);
    return found ? serve(found) : problem(404, "MANIFEST_UNKNOWN");
  }

  #put(name: string, { bytes, headers }: RecordedRequest): Reply {
    const pushed = content(bytes, headers["content-type"] ?? "");
    if (!this.#names.has(pushed.digest)) this.#copies.add(pushed.digest);
    this.manifests.set(pushed.digest, pushed);
    this.#lost.delete(pushed.digest);
    if (!name.includes(":")) this.tags.set(name, pushed);
    else if (name !== digestOf(bytes)) return problem(400, "DIGEST_INVALID");
    const { hasReferrers } = this.#options;
    const { subject } = JSON.parse(pushed.bytes.toString());
    return {
      status: 201,
      headers: {
        "docker-content-digest": pushed.digest,
        ...(hasReferrers && subject && { "oci-subject": subject.digest }),
      },
    };
  }

  #delete(name: string): Reply {
    const { deleting = "tags" } = this.#options;
    if (deleting === "never") return problem(405, "UNSUPPORTED");
    if (name.includes(":")) return this.#deleteManifest(name, deleting);
    if (deleting === "digests") return problem(400, "UNSUPPORTED");
    const found = this.tags.get(name);
    if (!found) return problem(404, "MANIFEST_UNKNOWN");
    if (deleting === "manifests") return this.#deleteManifest(found.digest, "tags");
    this.tags.delete(name);
    if (deleting === "lastTags" && this.#tagsOf(found.digest).length === 0) {
      this.manifests.delete(found.digest);
    }
    return { status: 202 };
  }

  #deleteManifest(digest: string, deleting: Deleting): Reply {
    if (!this.manifests.has(digest)) return problem(404, "MANIFEST_UNKNOWN");
    const tags = this.#tagsOf(digest);
    if (deleting === "untagged" && tags.length > 0) {
      return problem(400, "GOOGLE_MANIFEST_DANGLING_TAG");
    }
    if (deleting === "lastTags" && tags.length > 1) return problem(409, "CONFLICT");
    for (const tag of tags) this.tags.delete(tag);
    this.manifests.delete(digest);
    return { status: 202 };
  }

  #tagsOf(digest: string): string[] {
    return [...this.tags].flatMap(([tag, found]) => found.digest === digest ? [tag] : []);
  }

  #listReferrers(digest: string): Reply {
    if (!this.#options.hasReferrers) return { status: 404, body: "404 page not found" };
    const found = [...this.manifests.values()].filter(({ bytes }) =>
      JSON.parse(bytes.toString()).subject?.digest === digest
    );
    return serve(index(found.map((one) => pointTo(one))));
  }
}

/** What is left to be seen on a terminal of what was written: without what was wiped away. */
export function visible(text: string): string {
  return text.split("\r\x1b[K").reduce((shown, part) =>
    shown.slice(0, shown.lastIndexOf("\n") + 1) + part
  );
}

/** An error as registries send it. */
export function problem(status: number, code: string, message = ""): Reply {
  return { status, body: { errors: [{ code, message }] } };
}

/** Starts a registry with a repository `app`, beside an empty home. */
export async function startLab(options: LabOptions): Promise<Lab> {
  const lab = new Lab(options, await createTempFolder());
  await lab.start();
  return lab;
}
