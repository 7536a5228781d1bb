// Does a registry take this password?  log_in.ts REGISTRY USER <PASSWORD_FILE
import process from "node:process";
import { text } from "node:stream/consumers";
import { checkCredential, createClient, parseRegistry, passwordCredential } from "../core/mod.ts";

const [name = "localhost:5000", user = ""] = process.argv.slice(2);
const password = (await text(process.stdin)).trimEnd();
const client = createClient(parseRegistry(name), {
  findCredential: () => Promise.resolve(passwordCredential(user, password)),
});
const wasAsked = await checkCredential(client);
console.log(wasAsked ? `${name} takes it` : "the registry asks for no credentials");
