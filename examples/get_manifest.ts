// A manifest as it was pushed, verified.  get_manifest.ts REFERENCE
import process from "node:process";
import { createClient, getManifest, parseReference } from "../core/mod.ts";

const [name = "localhost:5000/team/app"] = process.argv.slice(2);
const reference = parseReference(name);
const client = createClient(reference.repository.registry);
const { bytes, descriptor, manifest } = await getManifest(client, reference);
console.error(descriptor.digest, descriptor.mediaType, manifest.layers.length, "layers");
process.stdout.write(bytes);
