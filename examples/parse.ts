// What does a name mean?  parse.ts REFERENCE
import process from "node:process";
import { formatReference, parseReference } from "../core/mod.ts";

const [name = "busybox"] = process.argv.slice(2);
const { repository, tag, digest } = parseReference(name);
console.log(repository.registry.host, repository.path, tag, digest);
console.log(formatReference({ repository, ...(tag && { tag }) }));
