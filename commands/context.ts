import type { Host } from "../core/host.ts";
import type { Secrets } from "../core/http/redact.ts";
import type { Diagnostics } from "../core/render/diagnostics.ts";

/** What every command is given. */
export interface Context {
  readonly host: Host;
  /** Standard error. */
  readonly diagnostics: Diagnostics;
  /** What must never be shown; {@linkcode diagnostics} leaves it out. */
  readonly secrets: Secrets;
  /** Ends the whole call: its reason becomes the program's error. */
  readonly abort: AbortController;
  /** Called when the call is over, however it ended. */
  readonly cleanups: (() => void)[];
  /** What the global flags say. Read when the command runs, not before. */
  readonly flags: GlobalFlags;
  readonly call: CallState;
}

/** How far the call is, see `beginCall`. */
export interface CallState {
  isBegun: boolean;
  /** When it must be over, in milliseconds since the epoch. */
  deadline: number | undefined;
}

/** Flags that stand before or behind the command's name. */
export interface GlobalFlags {
  /** 0: none; 1: a line for each request; 2: headers too. */
  verbose: number;
  debug: boolean;
}
