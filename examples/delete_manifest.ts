// Deletes a manifest with all tags that point to it.  delete_manifest.ts REPOSITORY@DIGEST
import process from "node:process";
import { createClient, deleteManifest, parseReference } from "../core/mod.ts";

const [name = ""] = process.argv.slice(2);
const reference = parseReference(name);
const client = createClient(reference.repository.registry);
await deleteManifest(client, reference);
console.log("deleted", reference.digest ?? reference.tag);
