// The repositories of a registry, however many pages they take.  list_repositories.ts REGISTRY
import process from "node:process";
import { createClient, parseRegistry, repositories } from "../core/mod.ts";

const [name = "localhost:5000"] = process.argv.slice(2);
const client = createClient(parseRegistry(name));
for await (const repository of repositories(client)) console.log(repository);
