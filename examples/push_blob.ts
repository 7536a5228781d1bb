// Uploads a file as a blob, unless it is there.  push_blob.ts REPOSITORY FILE
import { openAsBlob } from "node:fs";
import process from "node:process";
import { createClient, parseRepository, pushBlob } from "../core/mod.ts";

const [name = "", path = ""] = process.argv.slice(2);
const repository = parseRepository(name);
const client = createClient(repository.registry);
const { digest } = await pushBlob(client, repository, await openAsBlob(path));
console.log(digest);
