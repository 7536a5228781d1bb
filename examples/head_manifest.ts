// Digest, media type and size of a manifest, without fetching it.  head_manifest.ts REFERENCE
import process from "node:process";
import { createClient, headManifest, parseReference } from "../core/mod.ts";

const [name = "localhost:5000/team/app"] = process.argv.slice(2);
const reference = parseReference(name);
const client = createClient(reference.repository.registry);
const { digest, mediaType, size } = await headManifest(client, reference);
console.log(digest, mediaType, size);
