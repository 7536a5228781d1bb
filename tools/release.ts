/**
 * Compiles the program for every platform into dist/release and writes SHA256SUMS beside.
 *
 * The base binaries are Bun's own npm packages in the version of package-lock.json; each is held to
 * the integrity the lock file names for it.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";

/** One platform: what we call it, what Bun's package calls it, how the binary begins. */
interface Platform {
  readonly name: string;
  readonly bunPackage: string;
  readonly target: string;
  readonly kind: string;
}

const PLATFORMS: readonly Platform[] = [
  platform("linux-x64", "linux-x64", "ELF x64 ld-linux-x86-64.so.2"),
  platform("linux-arm64", "linux-aarch64", "ELF arm64 ld-linux-aarch64.so.1"),
  platform("linux-x64-musl", "linux-x64-musl", "ELF x64 ld-musl-x86_64.so.1"),
  platform("linux-arm64-musl", "linux-aarch64-musl", "ELF arm64 ld-musl-aarch64.so.1"),
  platform("darwin-x64", "darwin-x64", "Mach-O x64"),
  platform("darwin-arm64", "darwin-aarch64", "Mach-O arm64"),
  platform("windows-x64", "windows-x64", "PE x64"),
];

function platform(name: string, bunPlatform: string, kind: string): Platform {
  return { name, bunPackage: `@oven/bun-${bunPlatform}`, target: `bun-${name}`, kind };
}

const root = resolve(import.meta.dirname ?? ".", "..");
const cache = join(root, "dist/cache");
const release = join(root, "dist/release");

function fail(message: string): never {
  console.error(`error: ${message}`);
  process.exit(1);
}

/** Runs a program in the project's root; its own messages go to standard error. */
function run(program: string, args: readonly string[]): void {
  const result = spawnSync(program, args, {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
    // `npm` is a script with another name there.
    shell: process.platform === "win32",
  });
  if (result.status !== 0) fail(`${program} ${args.join(" ")} failed`);
}

function hash(algorithm: string, path: string, encoding: "hex" | "base64"): string {
  return createHash(algorithm).update(readFileSync(path)).digest(encoding);
}

/** The base binary of a platform, from the cache or from the npm registry. */
function readyBase({ bunPackage }: Platform, lock: LockFile): string {
  const entry = lock.packages[`node_modules/${bunPackage}`];
  if (entry?.integrity === undefined) fail(`package-lock.json does not name ${bunPackage}`);
  const label = `${bunPackage.slice("@oven/".length)}-${entry.version}`;
  const folder = join(cache, label);
  const base = join(folder, "package/bin", bunPackage.includes("windows") ? "bun.exe" : "bun");
  if (existsSync(base)) return base;

  const archive = join(cache, `oven-${label}.tgz`);
  run("npm", [
    "pack",
    "--silent",
    "--loglevel=error",
    `--pack-destination=${cache}`,
    `${bunPackage}@${entry.version}`,
  ]);
  if (`sha512-${hash("sha512", archive, "base64")}` !== entry.integrity) {
    rmSync(archive);
    fail(`${bunPackage} is not the package that package-lock.json names`);
  }
  // Extracted aside: a folder with its final name is a whole one.
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  run("tar", ["-xzf", archive, "-C", partial]);
  renameSync(partial, folder);
  rmSync(archive);
  return base;
}

/** Format, processor and, for ELF, the loader of an executable, read from its first bytes. */
function readKind(path: string): string {
  const bytes = readFileSync(path);
  const processors: Readonly<Record<number, string>> = {
    0x3e: "x64",
    0xb7: "arm64",
    0x0100_0007: "x64",
    0x0100_000c: "arm64",
    0x8664: "x64",
  };
  if (bytes.readUInt32BE(0) === 0x7f45_4c46) {
    const loader = /\/(ld-[\w.-]+)\0/.exec(bytes.subarray(0, 8192).toString("latin1"))?.[1];
    return `ELF ${processors[bytes.readUInt16LE(18)]} ${loader}`;
  }
  if (bytes.readUInt32LE(0) === 0xfeed_facf) return `Mach-O ${processors[bytes.readUInt32LE(4)]}`;
  if (bytes.toString("latin1", 0, 2) === "MZ") {
    return `PE ${processors[bytes.readUInt16LE(bytes.readUInt32LE(60) + 4)]}`;
  }
  return "unknown";
}

/** The part of package-lock.json that is read here. */
interface LockFile {
  readonly packages: Readonly<Record<string, { version: string; integrity?: string } | undefined>>;
}

const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  version: string;
};
const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as LockFile;
rmSync(release, { recursive: true, force: true });
mkdirSync(release, { recursive: true });
mkdirSync(cache, { recursive: true });

const sums: string[] = [];
for (const one of PLATFORMS) {
  const file = `regctl-${version}-${one.name}${one.name.startsWith("windows") ? ".exe" : ""}`;
  const path = join(release, file);
  run("node_modules/.bin/bun", ["tools/build.ts", path, one.target, readyBase(one, lock)]);
  const kind = readKind(path);
  if (kind !== one.kind) fail(`${file} is "${kind}", not "${one.kind}"`);
  sums.push(`${hash("sha256", path, "hex")}  ${file}\n`);
  console.log(`dist/release/${file}`);
}
writeFileSync(join(release, "SHA256SUMS"), sums.join(""));
console.log("dist/release/SHA256SUMS");
