import type { Command } from "commander";
import type { Context } from "./context.ts";

/** A command as the program's help lists it; its own file is loaded when it is used. */
export interface CommandEntry {
  readonly name: string;
  readonly alias?: string;
  readonly summary: string;
  /** Left out of the help. Default: false. */
  readonly hidden?: boolean;
  /** Needs every other command loaded beside it. Default: false. */
  readonly needsAll?: boolean;
  readonly load: (context: Context) => Promise<Command>;
}

/** All commands, in the order of the help. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: "tags",
    alias: "ls",
    summary: "List the tags of a repository",
    load: async (context) => (await import("./tags.ts")).createTagsCommand(context),
  },
  {
    name: "which",
    summary: "Find all tags that lead to a manifest",
    load: async (context) => (await import("./which.ts")).createWhichCommand(context),
  },
  {
    name: "manifest",
    summary: "Print the manifest of an image, or of an index of images",
    load: async (context) => (await import("./manifest.ts")).createManifestCommand(context),
  },
  {
    name: "digest",
    summary: "Print the digest of a manifest",
    load: async (context) => (await import("./digest.ts")).createDigestCommand(context),
  },
  {
    name: "config",
    summary: "Print the configuration of an image",
    load: async (context) => (await import("./config.ts")).createConfigCommand(context),
  },
  {
    name: "blob",
    summary: "Fetch a blob, such as a layer, and verify it",
    load: async (context) => (await import("./blob.ts")).createBlobCommand(context),
  },
  {
    name: "catalog",
    summary: "List the repositories of a registry",
    load: async (context) => (await import("./catalog.ts")).createCatalogCommand(context),
  },
  {
    name: "delete",
    alias: "rm",
    summary: "Delete tags, each alone, or manifests",
    load: async (context) => (await import("./delete.ts")).createDeleteCommand(context),
  },
  {
    name: "prune",
    summary: "Plan which tags may go, by a policy; changes nothing",
    load: async (context) => (await import("./prune.ts")).createPruneCommand(context),
  },
  {
    name: "apply",
    summary: "Delete what a plan of prune says",
    load: async (context) => (await import("./apply.ts")).createApplyCommand(context),
  },
  {
    name: "undo",
    summary: "Put back what was deleted",
    load: async (context) => (await import("./undo.ts")).createUndoCommand(context),
  },
  {
    name: "put-blob",
    summary: "Upload a blob",
    load: async (context) => (await import("./put_blob.ts")).createPutBlobCommand(context),
  },
  {
    name: "put-manifest",
    summary: "Upload a manifest",
    load: async (context) => (await import("./put_manifest.ts")).createPutManifestCommand(context),
  },
  {
    name: "ping",
    summary: "Ask whether a registry is there, and how it wants to be asked",
    load: async (context) => (await import("./ping.ts")).createPingCommand(context),
  },
  {
    name: "doctor",
    summary: "Find out what works with a registry, and what does not",
    load: async (context) => (await import("./doctor.ts")).createDoctorCommand(context),
  },
  {
    name: "login",
    summary: "Log in to a registry",
    load: async (context) => (await import("./login.ts")).createLoginCommand(context),
  },
  {
    name: "logout",
    summary: "Forget the credentials of a registry",
    load: async (context) => (await import("./logout.ts")).createLogoutCommand(context),
  },
  {
    name: "parse",
    summary: "Show what a name means: registry, repository, tag and digest",
    load: async (context) => (await import("./parse.ts")).createParseCommand(context),
  },
  {
    name: "cache",
    summary: "Show, or empty, what is kept of what was read",
    load: async (context) => (await import("./cache.ts")).createCacheCommand(context),
  },
  {
    name: "serve",
    summary: "Run a registry on this machine",
    load: async (context) => (await import("./serve.ts")).createServeCommand(context),
  },
  {
    name: "completions",
    summary: "Print the completion script of a shell",
    load: async (context) => (await import("./completions.ts")).createCompletionsCommand(context),
  },
  {
    name: "version",
    summary: "Print the version",
    load: async (context) => (await import("./version.ts")).createVersionCommand(context),
  },
  {
    name: "__complete",
    summary: "Answer a completion script",
    hidden: true,
    needsAll: true,
    load: async (context) => (await import("./complete.ts")).createCompleteCommand(context),
  },
];
