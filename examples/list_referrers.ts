// The signatures, SBOMs and the like of a manifest.  list_referrers.ts REPOSITORY@DIGEST
import process from "node:process";
import { createClient, parseReference, referrers } from "../core/mod.ts";

const [name = ""] = process.argv.slice(2);
const { repository, digest = "" } = parseReference(name);
const client = createClient(repository.registry);
for await (const { artifactType, digest: found } of referrers(client, repository, digest)) {
  console.log(artifactType, found);
}
