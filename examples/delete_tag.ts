// Deletes one tag; other tags of the same image stay.  delete_tag.ts REPOSITORY:TAG
import process from "node:process";
import { createClient, getManifest, parseReference, TagRemover } from "../core/mod.ts";

const [name = ""] = process.argv.slice(2);
const { repository, tag = "" } = parseReference(name);
const client = createClient(repository.registry);
const remover = new TagRemover(client, repository);
const content = await getManifest(client, { repository, tag });
console.log(`${tag} went by way of: ${await remover.remove(tag, content)}`);
