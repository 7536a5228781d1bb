// Streams a blob into a file, verified at its end.  read_blob.ts REPOSITORY@DIGEST FILE
import { createWriteStream } from "node:fs";
import process from "node:process";
import { pipeline } from "node:stream/promises";
import { createClient, parseReference, readBlob } from "../core/mod.ts";

const [name = "", path = "blob"] = process.argv.slice(2);
const { repository, digest = "" } = parseReference(name);
const client = createClient(repository.registry);
const { pieces, size } = await readBlob(client, repository, digest);
await pipeline(pieces, createWriteStream(path));
console.log("verified", size, "bytes");
