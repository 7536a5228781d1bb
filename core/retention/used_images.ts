import { RegctlError } from "../errors.ts";
import { parseReference, type Reference } from "../reference/reference.ts";
import { shorten } from "../shorten.ts";
import { findImageTexts } from "./image_texts.ts";
import { formatPlace, parseYamlTrees, tryParseJsonTree } from "./yaml_tree.ts";

/** An image that must stay, since something runs it or is about to. */
export interface UsedImage {
  readonly reference: Reference;
  /** What says so: `file:line`, or the file alone where the line is not known. */
  readonly source: string;
}

/** For what a program fills in before anything runs. */
const RENDER_HINT = "Render it first: docker compose config, helm template";

// A reference begins with none of these, and has no colon before a space or at its end. What is
// YAML in some other way fails as a reference, so that a wrong guess is never a silent one.
const YAML_LINE = /^(?:[[{"'&!%?]|---|-(?:\s|$))|:(?:\s|$)/;

/** How image IDs are written, in full and as `docker ps` cuts them: nobody can pull by them. */
const IMAGE_ID = /^(?:sha256:)?[0-9a-f]{12}(?:[0-9a-f]{52})?$/;

/**
 * Reads the images that are in use: one reference a line, with `#` for comments, or any YAML or
 * JSON that has them under a key `image` or `imageID`, such as manifests and pods of Kubernetes,
 * Compose files, and values of Helm with `repository` and `tag`. `name` is the file in the errors.
 * Throws `CONFIG` for whatever is not understood, and where there is no image at all: what is
 * missed here would be deleted.
 */
export async function readUsedImages(text: string, name: string): Promise<readonly UsedImage[]> {
  // PowerShell writes a byte order mark into what it redirects.
  const content = text.replace(/^\ufeff/, "");
  const lines = content.split(/\r\n|[\r\n]/).map(trimComment);
  const images = lines.some((line) => YAML_LINE.test(line))
    ? await readYaml(content, name)
    : readLines(lines, name);
  if (images.length > 0) return images;
  throw new RegctlError("CONFIG", `Cannot use ${name}: it names no image`, {
    hint: "Check the command that wrote it, which may have failed",
  });
}

function readLines(lines: readonly string[], name: string): UsedImage[] {
  return lines.flatMap((line, index) =>
    line === "" ? [] : [readImage(line, formatPlace(name, index + 1))]
  );
}

async function readYaml(text: string, name: string): Promise<UsedImage[]> {
  // The reader of YAML takes a second a megabyte, and kubectl prints many.
  const json = /^\s*[[{]/.test(text) ? tryParseJsonTree(text) : undefined;
  let trees;
  try {
    trees = json ? [json] : await parseYamlTrees(text, name);
  } catch (error) {
    if (!(error instanceof RegctlError) || !text.includes("{{")) throw error;
    throw new RegctlError(error.code, error.message, { hint: RENDER_HINT, cause: error.cause });
  }
  const images: UsedImage[] = [];
  findImageTexts(trees, {
    found: (image, line) => images.push(readImage(image, formatPlace(name, line))),
    refuse: (reason, line) =>
      new RegctlError("CONFIG", `Cannot use ${formatPlace(name, line)}: ${reason}`, {
        hint: RENDER_HINT,
      }),
  });
  return images;
}

function readImage(text: string, source: string): UsedImage {
  const fail = (reason: string, hint?: string) =>
    new RegctlError("CONFIG", `Cannot use ${source}: ${reason}`, { hint });
  const shown = JSON.stringify(shorten(text, 80));
  if (/\$|\{\{/.test(text)) throw fail(`${shown} holds a variable`, RENDER_HINT);
  if (IMAGE_ID.test(text)) {
    throw fail(`${shown} is the ID of an image, which does not say where it is from`);
  }
  try {
    return { reference: parseReference(text), source };
  } catch (error) {
    if (!(error instanceof RegctlError)) throw error;
    throw fail(error.message.replace(/^I/, "i"), error.hint);
  }
}

function trimComment(line: string): string {
  const start = line.search(/(?:^|\s)#/);
  return (start < 0 ? line : line.slice(0, start)).trim();
}
