// Is a blob there, and how large is it?  head_blob.ts REPOSITORY@DIGEST
import process from "node:process";
import { createClient, headBlob, parseReference } from "../core/mod.ts";

const [name = ""] = process.argv.slice(2);
const { repository, digest = "" } = parseReference(name);
const client = createClient(repository.registry);
console.log(await headBlob(client, repository, digest));
