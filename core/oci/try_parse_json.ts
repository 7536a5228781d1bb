import { isDeeperThan } from "./json_scan.ts";
import { MAX_JSON_DEPTH } from "./manifest.ts";

/** JSON that need not be any; undefined where it is none, or nested too deeply to be printed. */
export function tryParseJson(bytes: Uint8Array): unknown {
  try {
    const text = new TextDecoder().decode(bytes);
    return isDeeperThan(text, MAX_JSON_DEPTH) ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
