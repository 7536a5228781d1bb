// npm_client.mjs REPOSITORY FILE DIGEST: does what the library docker-registry-client offers, with
// the library itself, and prints what came of it as JSON. Run by Node.
import { createReadStream, statSync } from "node:fs";
import { createHash } from "node:crypto";
import process from "node:process";
import { promisify } from "node:util";
import registryClient from "docker-registry-client";

const [name, file, digest] = process.argv.slice(2);
const client = registryClient.createClientV2({
  name,
  acceptManifestLists: true,
  maxSchemaVersion: 2,
});
const call = (method) => promisify(client[method].bind(client));
const results = {};
try {
  results.supportsV2 = await call("supportsV2")();
  results.tags = await call("listTags")();
  const manifest = await new Promise((resolve, reject) => {
    client.getManifest({ ref: "latest" }, (error, parsed, response, text) => {
      if (error) return reject(error);
      resolve({ parsed, text, digest: response.headers["docker-content-digest"] });
    });
  });
  results.manifest = { text: manifest.text, digest: manifest.digest };
  results.blob = await download(manifest.parsed.config.digest);
  const { size: contentLength } = statSync(file);
  const stream = createReadStream(file);
  stream.pause();
  const uploaded = await call("blobUpload")({ digest, contentLength, stream });
  results.uploaded = {
    status: uploaded.statusCode,
    digest: uploaded.headers["docker-content-digest"],
  };
  results.uploadedBlob = await download(digest);
} finally {
  client.close();
}
console.log(JSON.stringify(results));

function download(blob) {
  return new Promise((resolve, reject) => {
    client.createBlobReadStream({ digest: blob }, (error, stream) => {
      if (error) return reject(error);
      const hash = createHash("sha256");
      stream.on("data", (chunk) => hash.update(chunk));
      stream.on("end", () => resolve(`sha256:${hash.digest("hex")}`));
      stream.on("error", reject);
      stream.resume();
    });
  });
}
