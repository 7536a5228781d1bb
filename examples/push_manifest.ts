// Uploads a manifest byte for byte.  push_manifest.ts REFERENCE FILE
import { readFile } from "node:fs/promises";
import process from "node:process";
import { createClient, parseReference, pushManifest } from "../core/mod.ts";

const [name = "", path = ""] = process.argv.slice(2);
const reference = parseReference(name);
const client = createClient(reference.repository.registry);
const { digest } = await pushManifest(client, reference, new Uint8Array(await readFile(path)));
console.log(digest);
