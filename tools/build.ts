// build.ts OUTPUT [TARGET BASE]: compiles cli.ts into the standalone program OUTPUT, for the platform
// TARGET (`bun-linux-arm64`) on top of the Bun binary BASE, or for this machine when they are left
// out. Run by Bun.
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { basename, dirname, join, resolve } from "node:path";
import process from "node:process";
import { promisify } from "node:util";

/** As much of Bun's own API as is used here: its types would replace those of the Web for every file. */
interface BunGlobal {
  build(options: unknown): Promise<unknown>;
}
interface PluginBuilder {
  onResolve(
    options: { filter: RegExp },
    resolve: (args: { importer: string }) => { path: string; namespace: string } | undefined,
  ): void;
  onLoad(
    options: { filter: RegExp; namespace: string },
    load: () => { contents: string; loader: string },
  ): void;
}

/**
 * commander names modules for subcommands that are programs of their own. There are none here, and
 * loading the modules is a good part of a short call.
 */
const WITHOUT_SUBPROGRAMS = {
  name: "without-subprograms",
  setup(build: PluginBuilder) {
    build.onResolve({ filter: /^node:(child_process|fs|path)$/ }, ({ importer }) => {
      if (!/[/\\]commander[/\\]/.test(importer)) return undefined;
      return { path: "nothing", namespace: "without-subprograms" };
    });
    build.onLoad({ filter: /./, namespace: "without-subprograms" }, () => {
      return { contents: "module.exports = {}", loader: "js" };
    });
  },
};

const ROOT = resolve(import.meta.dirname ?? ".", "..");
const [output = "dist/regctl", target, base] = process.argv.slice(2);
mkdirSync(dirname(output), { recursive: true });

// Built aside and moved into place, so that a build cut short leaves no half program and one that
// runs at this moment is not disturbed.
const folder = mkdtempSync(join(dirname(output), ".build."));
try {
  const outfile = join(folder, basename(output));
  const trained = join(folder, "trained");
  await compile({ outfile: trained });
  await compile({
    outfile,
    bytecodeOrder: await recordOrder(trained),
    ...(target !== undefined && { target }),
    ...(base !== undefined && { executablePath: base }),
  });
  renameSync(outfile, output);
} catch (error) {
  console.error(error);
  console.error(`error: Cannot compile ${output}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function compile(options: object): Promise<void> {
  const { Bun: bun } = globalThis as unknown as { Bun: BunGlobal };
  await bun.build({
    entrypoints: [join(ROOT, "cli.ts")],
    target: "bun",
    format: "esm",
    minify: true,
    bytecode: true,
    // Each lazily loaded module stays in a chunk of its own: in a single one, Bun would load every
    // node: module that any of them names at each start, which doubles it.
    splitting: true,
    plugins: [WITHOUT_SUBPROGRAMS],
    compile: {
      // Otherwise the program would read `.env` and run the `preload` of a `bunfig.toml` in whatever
      // folder it is started.
      autoloadDotenv: false,
      autoloadBunfig: false,
      // The machine's own authorities are trusted, too.
      execArgv: ["--use-system-ca"],
      // A call is over before code compiled for speed pays off.
      jitPolicy: 40,
      ...options,
    },
  });
}

/** Runs the main job once, to learn in which order its code is used: it is laid out so. */
async function recordOrder(program: string): Promise<string> {
  const file = `${program}.order`;
  const server = createServer((_request, response) => response.end('{"tags":["1.0"]}'));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as { port: number };
    await promisify(execFile)(program, ["tags", `127.0.0.1:${port}/app`], {
      env: { BUN_BYTECODE_ORDER_OUT: file },
    });
  } finally {
    server.close();
  }
  return file;
}
