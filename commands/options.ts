import { type Command, InvalidArgumentError, Option } from "commander";
import { parseDuration } from "../core/duration.ts";
import { RegctlError } from "../core/errors.ts";
import type { Host } from "../core/host.ts";
import { formatPlatform, parsePlatform, type Platform } from "../core/oci/platform.ts";

/** What {@linkcode withRegistryOptions} takes beside the command. */
export interface RegistryOptionsTexts {
  /** What the help says of `--auth-file`. Default: that it is read. */
  readonly authFile?: string;
}

/** Adds the flags of every command that asks a registry in somebody's name. */
export function withRegistryOptions(
  command: Command,
  { authFile = "read credentials from this file alone" }: RegistryOptionsTexts = {},
): Command {
  command
    .optionsGroup("Who is asking:")
    .addOption(new Option("-u, --username <user>", "ask as this user"))
    .addOption(
      new Option("-p, --password <password>", "with this password or token (others can see it)"),
    )
    .addOption(new Option("--password-stdin", "read the password from standard input"))
    .addOption(createAuthFileOption(authFile));
  return withConnectionOptions(command);
}

/** `--auth-file`, with what the help says of it. */
export function createAuthFileOption(text: string): Option {
  return new Option("--auth-file <file>", text).argParser((value) => {
    if (value !== "") return value;
    throw new InvalidArgumentError("It must not be empty.");
  });
}

/** Adds the flags of every command that talks to a registry. */
export function withConnectionOptions(command: Command): Command {
  return command
    .optionsGroup("Connection:")
    .addOption(new Option("--plain-http", "speak http instead of https"))
    .addOption(new Option("--insecure", "leave the registry's certificate unverified"))
    .addOption(new Option("--ca-file <file>", "trust these certificate authorities too (PEM)"))
    .addOption(new Option("--cert-file <file>", "show this client certificate (PEM)"))
    .addOption(new Option("--key-file <file>", "the client certificate's key (PEM)"))
    .addOption(
      new Option("--retries <count>", "repeat a failed request this often")
        .argParser(parseCount).default(4),
    )
    .addOption(
      new Option("--timeout <duration>", "end the whole call after this, e.g. 90s or 5m")
        .argParser(parsePositiveDuration),
    )
    .addOption(
      new Option("--idle-timeout <duration>", "end a request that stalls for this long")
        .argParser(parsePositiveDuration).default(30_000, "30s"),
    )
    .optionsGroup("Options:");
}

/** What {@linkcode withRegistryOptions} adds, as the command's action gets it. */
export interface RegistryOptions extends ConnectionOptions {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly passwordStdin?: true | undefined;
  readonly authFile?: string | undefined;
}

/** What {@linkcode withConnectionOptions} adds. */
export interface ConnectionOptions {
  readonly plainHttp?: true | undefined;
  readonly insecure?: true | undefined;
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly retries: number;
  readonly timeout?: number | undefined;
  readonly idleTimeout: number;
}

/** The value of `--platform` that stands for what this machine runs. */
const LOCAL_PLATFORM = "local";

/** Makes the flag that chooses an image of an index; {@linkcode readPlatforms} reads its value. */
export function createPlatformOption(
  text = "of the image for this platform: os/architecture[/variant], or local",
): Option {
  return new Option("--platform <platform>", text).argParser((value) =>
    value === LOCAL_PLATFORM ? value : formatPlatform(checkPlatform(value))
  );
}

/** The platforms that `--platform` wishes for, the best first; undefined where it is not given. */
export function readPlatforms(
  { platforms }: Host,
  value: string | undefined,
): readonly Platform[] | undefined {
  if (value === undefined) return undefined;
  return value === LOCAL_PLATFORM ? platforms : [parsePlatform(value)];
}

function checkPlatform(value: string): Platform {
  try {
    return parsePlatform(value);
  } catch (error) {
    if (!(error instanceof RegctlError)) throw error;
    throw new InvalidArgumentError(`${error.message}.`);
  }
}

/**
 * Requests at a time where nothing but reading is done: with a registry 80 ms away twice as fast as
 * 16, and not much slower than 64, which some would take amiss.
 */
export const READ_CONCURRENCY = 32;

/** Makes the flag that bounds how many requests are under way at a time. */
export function createConcurrencyOption(count = 8): Option {
  return new Option("--concurrency <count>", "requests at a time")
    .argParser(parsePositiveCount).default(count);
}

/** Collects the values of a flag that may be repeated. */
export function collect(value: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

/** Reads a whole number from 0. */
export function parseCount(value: string): number {
  if (/^\d{1,9}$/.test(value)) return Number(value);
  throw new InvalidArgumentError("It must be a whole number.");
}

/** Reads a whole number from 1. */
export function parsePositiveCount(value: string): number {
  const count = parseCount(value);
  if (count > 0) return count;
  throw new InvalidArgumentError("It must be at least 1.");
}

function parsePositiveDuration(value: string): number {
  try {
    const duration = parseDuration(value);
    if (duration > 0) return duration;
  } catch (error) {
    if (!(error instanceof RegctlError)) throw error;
  }
  throw new InvalidArgumentError("Write 90s, 5m, 12h, 30d, or a number of seconds.");
}
