// Is there a registry, and how does it want to be asked?  ping.ts REGISTRY
import process from "node:process";
import { createClient, parseRegistry, ping, supportsVersion2 } from "../core/mod.ts";

const [name = "docker.io"] = process.argv.slice(2);
const client = createClient(parseRegistry(name));
console.log(await supportsVersion2(client), await ping(client));
