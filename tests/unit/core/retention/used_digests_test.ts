import assert from "node:assert/strict";
import { test } from "node:test";
import { parseReference } from "../../../../core/reference/reference.ts";
import { parseRepository } from "../../../../core/reference/repository.ts";
import { imagesOf } from "../../../../core/retention/used_digests.ts";

/** A repository, an image that is in use, and whether it is of the repository. */
const CASES: readonly (readonly [string, string, boolean])[] = [
  ["registry.test/app", "registry.test/app:1", true],
  ["registry.test/app", "Registry.TEST/app:1", true],
  ["REGISTRY.test/app", "registry.test/app:1", true],
  ["registry.test/app", "registry.test:443/app:1", true],
  ["registry.test:443/app", "registry.test/app:1", true],
  ["Registry.test:443/app", "registry.Test:443/app", true],
  ["registry.test/app", "registry.test:80/app:1", false],
  ["registry.test:5000/app", "REGISTRY.test:5000/app:1", true],
  ["registry.test:5000/app", "registry.test:4430/app:1", false],
  ["registry.test/app", "registry.test:4430/app:1", false],
  ["registry.test/app", "registry.test/app2:1", false],
  ["registry.test/app", "registry.test/team/app:1", false],
  ["registry.test/app", "registry.test.evil/app:1", false],
  ["docker.io/library/alpine", "alpine", true],
  ["alpine", "index.docker.io/library/alpine:3", true],
  ["registry.test/app", "app:1", false],
];

test("an image is of a repository whatever the case of its host, and with https's own port", () => {
  for (const [repository, image, isOfIt] of CASES) {
    const used = [{ reference: parseReference(image), source: "used:1" }];
    const found = imagesOf(parseRepository(repository), used);
    assert.deepEqual(found, isOfIt ? used : [], `${repository} ${image}`);
  }
});
