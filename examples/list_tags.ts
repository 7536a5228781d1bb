// The tags of a repository, however many pages they take.  list_tags.ts REPOSITORY
import process from "node:process";
import { createClient, parseRepository, tags } from "../core/mod.ts";

const [name = "localhost:5000/library/busybox"] = process.argv.slice(2);
const repository = parseRepository(name);
const client = createClient(repository.registry);
for await (const tag of tags(client, repository)) console.log(tag);
