import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { blankText, parseImports } from "../support/source_file.ts";

/** One row of the table that rules who may import whom. */
interface Layer {
  readonly name: string;
  /** The files that belong to it; the first row that fits a file has it. */
  readonly files: RegExp;
  /** Names of the layers it may import beside itself. */
  readonly imports: readonly string[];
  /** Names of the layers it may import with `import type` alone. */
  readonly types?: readonly string[];
  /** True when its files may name `process`, `Deno`, `Bun`, `console` and call `fetch`. */
  readonly touchesHost?: "globals" | "globals and fetch";
}

const PURE = ["errors", "host", "oci", "reference", "selection", "http"];
const CORE = [
  ...[...PURE, "runtime", "auth", "transport"],
  ...["registry", "doctor", "inventory", "retention", "server", "render"],
];

/** Lowest first. A file that fits no row fails the test, so that the table stays whole. */
const LAYERS: readonly Layer[] = [
  {
    name: "errors",
    files:
      /^core\/(?:byte_size|count_noun|date_time|duration|errors|for_each|pauses|shorten|version)\.ts$/,
    imports: [],
  },
  {
    name: "host",
    files: /^core\/host(?:\w*\.ts$|\/)/,
    imports: ["errors"],
    touchesHost: "globals",
  },
  { name: "oci", files: /^core\/oci\//, imports: ["errors", "host"] },
  { name: "reference", files: /^core\/reference\//, imports: ["errors", "host", "oci"] },
  { name: "selection", files: /^core\/selection\//, imports: ["errors"] },
  { name: "http", files: /^core\/http\//, imports: ["errors", "host"] },
  {
    name: "runtime",
    files: /^core\/runtime(?:\w*\.ts$|\/)/,
    imports: PURE,
    touchesHost: "globals and fetch",
  },
  { name: "auth", files: /^core\/auth\//, imports: PURE },
  { name: "transport", files: /^core\/transport\//, imports: [...PURE, "runtime", "auth"] },
  {
    name: "registry",
    files: /^core\/registry\//,
    imports: [...PURE, "runtime", "auth", "transport"],
  },
  {
    name: "doctor",
    files: /^core\/doctor\//,
    imports: [...PURE, "runtime", "auth", "transport", "registry"],
  },
  {
    name: "inventory",
    files: /^core\/inventory\//,
    imports: [...PURE, "runtime", "auth", "transport", "registry"],
  },
  {
    name: "retention",
    files: /^core\/retention\//,
    imports: [...PURE, "runtime", "auth", "transport", "registry"],
  },
  {
    name: "server",
    files: /^core\/server\//,
    imports: [...PURE, "runtime", "auth", "transport", "registry"],
  },
  { name: "render", files: /^core\/render\//, imports: ["errors", "host"], types: ["oci"] },
  { name: "library", files: /^core\/mod\.ts$/, imports: CORE },
  { name: "completions", files: /^completions\//, imports: [...CORE, "library"] },
  { name: "commands", files: /^commands\//, imports: [...CORE, "library", "completions"] },
  { name: "cli", files: /^cli\.ts$/, imports: [...CORE, "library", "completions", "commands"] },
];

/** The one file that names every command, and the one that reads it. */
const COMMAND_LIST = "commands/mod.ts";
const COMMAND_LIST_READER = "commands/program.ts";
/** What commands may share; none of them imports a command. */
const SHARED_BY_COMMANDS = [
  "commands/assert_secure.ts",
  "commands/call.ts",
  "commands/confirm.ts",
  "commands/connect.ts",
  "commands/context.ts",
  "commands/count_things.ts",
  "commands/credential_flags.ts",
  "commands/input.ts",
  "commands/listing.ts",
  "commands/options.ts",
  "commands/outlast_call.ts",
  "commands/plan_text.ts",
  "commands/planned_removals.ts",
  "commands/policy_options.ts",
  "commands/references.ts",
  "commands/report.ts",
  "commands/row_printer.ts",
  "commands/run_removals.ts",
  "commands/print_facts.ts",
  "commands/tag_rows.ts",
  "commands/unread_tags.ts",
];

/** Files by their path from the project's root, with forward slashes. */
type Sources = ReadonlyMap<string, string>;

/** The paths of the project's own files that `file` imports. */
function ownImports(file: string, source: string): { path: string; isTypeOnly: boolean }[] {
  return parseImports(source)
    .filter(({ specifier }) => specifier.startsWith(".") && specifier.endsWith(".ts"))
    .map(({ specifier, isTypeOnly }) => ({
      path: posix.join(posix.dirname(file), specifier),
      isTypeOnly,
    }));
}

function findLayer(file: string): Layer | undefined {
  return LAYERS.find((layer) => layer.files.test(file));
}

function findLayerBreaches(sources: Sources): string[] {
  const breaches: string[] = [];
  for (const [file, source] of sources) {
    const layer = findLayer(file);
    if (layer === undefined) {
      breaches.push(`${file} belongs to no layer`);
      continue;
    }
    for (const { path, isTypeOnly } of ownImports(file, source)) {
      const other = findLayer(path)?.name ?? "no layer";
      const isAllowed = other === layer.name || layer.imports.includes(other) ||
        (isTypeOnly && layer.types?.includes(other) === true);
      if (!isAllowed) breaches.push(`${file} (${layer.name}) imports ${path} (${other})`);
    }
  }
  return breaches;
}

function findCommandBreaches(sources: Sources): string[] {
  const breaches: string[] = [];
  for (const [file, source] of sources) {
    if (!file.startsWith("commands/") || file === COMMAND_LIST) continue;
    for (const { path } of ownImports(file, source)) {
      const isAllowed = SHARED_BY_COMMANDS.includes(path) ||
        (file === COMMAND_LIST_READER && path === COMMAND_LIST);
      if (path.startsWith("commands/") && !isAllowed) {
        breaches.push(`${file} imports ${path}`);
      }
    }
  }
  return breaches;
}

function findHostBreaches(sources: Sources): string[] {
  const breaches: string[] = [];
  const globals = "process|Deno|Bun|console";
  const global = new RegExp(`(?:(?<![\\w$#.])|(?<=\\.\\.\\.))(?:${globals})(?![\\w$])`, "g");
  const hidden = /\bglobalThis\s*(?:\?\.|\.)?\s*(?:\[|process\b|Deno\b|Bun\b|console\b|fetch\b)/g;
  const call = /(?:(?<![\w$#.])|(?<=\.\.\.))fetch\s*\(/g;
  for (const [file, source] of sources) {
    const touches = findLayer(file)?.touchesHost;
    const code = blankText(source);
    const report = (rule: RegExp) => {
      for (const match of code.matchAll(rule)) {
        const line = code.slice(0, match.index).split("\n").length;
        breaches.push(`${file}:${line} names ${match[0].replace(/\s*\($/, "()")}`);
      }
    };
    if (touches === undefined) [global, hidden].forEach(report);
    if (touches !== "globals and fetch") report(call);
  }
  return breaches;
}

/** Each cycle once, as the files on its way. */
function findCycles(sources: Sources): string[] {
  const cycles: string[] = [];
  const finished = new Set<string>();
  const visit = (file: string, way: readonly string[]) => {
    if (way.includes(file)) {
      cycles.push([...way.slice(way.indexOf(file)), file].join(" -> "));
      return;
    }
    const source = sources.get(file);
    if (source === undefined || finished.has(file)) return;
    for (const { path } of ownImports(file, source)) visit(path, [...way, file]);
    finished.add(file);
  };
  for (const file of sources.keys()) visit(file, []);
  return cycles;
}

function findDefaultExports(sources: Sources): string[] {
  const rule = /\bexport\s+default\b|\bexport\s*\{[^}]*\b(?:as\s+default|default\s*[,}])/;
  return [...sources].filter(([, source]) => rule.test(blankText(source))).map(([file]) => file);
}

/** Every .ts file that the table speaks of. */
function readSources(): Sources {
  const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
  const files = ["commands", "completions", "core"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .map((path) => `${folder}/${path.replaceAll("\\", "/")}`)
  );
  const entries = readdirSync(root).filter((name) => name === "cli.ts");
  return new Map(
    [...entries, ...files.sort()]
      .filter((path) => path.endsWith(".ts"))
      .map((path) => [path, readFileSync(join(root, path), "utf8")]),
  );
}

const RULES: readonly [string, (sources: Sources) => string[]][] = [
  ["a layer imports the layers below it alone", findLayerBreaches],
  ["a command imports no other command", findCommandBreaches],
  ["host globals and fetch stay in their files", findHostBreaches],
  ["no import cycles", findCycles],
  ["no default exports", findDefaultExports],
];

for (const [name, findBreaches] of RULES) {
  test(`layers: ${name}`, () => assert.deepEqual(findBreaches(readSources()), []));
}

test("layers: every rule sees its breach, and nothing else", () => {
  const cases: [(sources: Sources) => string[], Record<string, string>, string[]][] = [
    [findLayerBreaches, { "core/new.ts": "" }, ["core/new.ts belongs to no layer"]],
    [findLayerBreaches, {
      "core/oci/a.ts": 'import { x } from "../errors.ts";\nimport type { Y } from "../http/y.ts";',
    }, ["core/oci/a.ts (oci) imports core/http/y.ts (http)"]],
    [findLayerBreaches, {
      "core/auth/a.ts":
        'const a = await import(\n  "../../commands/tags.ts"\n);\nexport * from "./b.ts";',
    }, ["core/auth/a.ts (auth) imports commands/tags.ts (commands)"]],
    [findLayerBreaches, {
      "core/render/a.ts": 'import type { A } from "../oci/a.ts";\nimport { b } from "../oci/b.ts";',
    }, ["core/render/a.ts (render) imports core/oci/b.ts (oci)"]],
    [findLayerBreaches, {
      "core/http/a.ts":
        '// import "../auth/a.ts"\nconst a = `import "../auth/${`import "../auth/b.ts"`}`;',
    }, []],
    [findCommandBreaches, {
      "commands/mod.ts": 'import { tags } from "./tags.ts";',
      "commands/tags.ts": 'import { o } from "./options.ts";\nimport { d } from "./delete.ts";',
    }, ["commands/tags.ts imports commands/delete.ts"]],
    [findHostBreaches, {
      "cli.ts": "const a = 1;\nconsole.log(process, a.process, preprocess);",
    }, ["cli.ts:2 names console", "cli.ts:2 names process"]],
    [findHostBreaches, { "cli.ts": 'const a = "/"; const b = /["`]/; f(...Deno.args); // Bun' }, [
      "cli.ts:1 names Deno",
    ]],
    [findHostBreaches, { "core/auth/a.ts": "const a = globalThis.fetch;\nawait fetch(url);" }, [
      "core/auth/a.ts:1 names globalThis.fetch",
      "core/auth/a.ts:2 names fetch()",
    ]],
    [findHostBreaches, { "core/runtime.ts": "await fetch(Bun.x);" }, []],
    [findHostBreaches, { "core/host.ts": "fetch(process.x);" }, ["core/host.ts:1 names fetch()"]],
    [findCycles, {
      "cli.ts": 'import { a } from "./core/a.ts";',
      "core/a.ts": 'import { b } from "./b.ts";',
      "core/b.ts": 'const { a } = await import("./a.ts");',
    }, ["core/a.ts -> core/b.ts -> core/a.ts"]],
    [findDefaultExports, {
      "core/a.ts": "export default 1;",
      "core/b.ts": "const a = 1;\nexport { a as default };",
      "core/c.ts": 'import a from "a";\nexport { a };\n/** export default */',
    }, ["core/a.ts", "core/b.ts"]],
  ];
  for (const [find, sources, expected] of cases) {
    assert.deepEqual(find(new Map(Object.entries(sources))), expected, JSON.stringify(sources));
  }
});
