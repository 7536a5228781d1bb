// The image that an index has for a platform.  find_platform.ts REFERENCE PLATFORM
import process from "node:process";
import { createClient, findPlatform, parsePlatform, parseReference } from "../core/mod.ts";

const [name = "localhost:5000/team/app", platform = "linux/arm64"] = process.argv.slice(2);
const reference = parseReference(name);
const client = createClient(reference.repository.registry);
const image = await findPlatform(client, reference, [parsePlatform(platform)]);
console.log(image.descriptor.digest);
