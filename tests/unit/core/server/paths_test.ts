import assert from "node:assert/strict";
import { join, sep } from "node:path";
import { test } from "node:test";

import { isRepositoryPath } from "../../../../core/reference/repository.ts";
import {
  blobPath,
  OWN_FOLDER,
  repositoryFolder,
  repositoryPart,
} from "../../../../core/server/paths.ts";
import { forEachSeed, type Random } from "../../../support/random.ts";

const LOWER = "abcdefghijklmnopqrstuvwxyz0123456789";
const LAYOUT_NAMES = ["blobs", "index.json", "oci-layout"];
const ROOT = join("served", "here");

test("repositoryFolder puts an underscore before what a layout has itself", () => {
  const table: readonly (readonly [string, readonly string[]])[] = [
    ["app", ["app"]],
    ["a/b/c", ["a", "b", "c"]],
    ["app/blobs", ["app", "_blobs"]],
    ["blobs", ["_blobs"]],
    ["blobs/sha256/x", ["_blobs", "sha256", "x"]],
    ["index.json/oci-layout", ["_index.json", "_oci-layout"]],
    ["a/blobs/blobs", ["a", "_blobs", "_blobs"]],
    ["blobsx/xblobs", ["blobsx", "xblobs"]],
    ["index.jsonx/oci-layout2/oci", ["index.jsonx", "oci-layout2", "oci"]],
  ];
  for (const [name, folders] of table) {
    assert.equal(repositoryFolder(ROOT, name), join(ROOT, ...folders), name);
  }
});

test("repositoryPart reads back every part that repositoryFolder wrote", () => {
  const parts = [...LAYOUT_NAMES, "a", "0", "a--b__c_d.e", "blobs.x", "index", "json", "regctl"];
  for (const part of parts) assert.equal(repositoryPart(folderOf(part)), part, part);
  forEachSeed(500, (random) => {
    const part = randomPart(random);
    assert.ok(isRepositoryPath(part), part);
    assert.equal(repositoryPart(folderOf(part)), part, part);
  });
});

test("repositoryPart takes for a part only a folder that repositoryFolder gives", () => {
  forEachSeed(3000, (random) => {
    const piece = random.pick([...LAYOUT_NAMES, "a", "b1"]);
    const folder = random.text("_.-aA", 0, 2) + piece + random.text("_.-bB", 0, 1);
    const part = repositoryPart(folder);
    if (part !== undefined) assert.equal(folderOf(part), folder);
    else if (isRepositoryPath(folder)) assert.ok(LAYOUT_NAMES.includes(folder), folder);
  });
});

test("repositoryPart takes for nothing what no repository has", () => {
  const folders = [
    ...[OWN_FOLDER, ".", "..", "", "...", ".git", ".DS_Store", "a.", "a..b", "-a", "a-", "a b"],
    ...["A", "App", "BLOBS", "_BLOBS", "Index.json", "é", "a\n", "a\0", "a\\b", "a:b", "a@b", "~"],
    ...["_", "__", "_x", "_app", "__blobs", "_blobs_", "_blobsx", "_.", "_..", "_.regctl", "_a"],
    ...["a_", "a___b", "%2e%2e", "a%2fb", "lost+found", "a".repeat(256), "_".repeat(50_000)],
    ...LAYOUT_NAMES,
  ];
  for (const folder of folders) {
    assert.equal(repositoryPart(folder), undefined, JSON.stringify(folder.slice(0, 40)));
  }
});

test("no repository has the program's own folder", () => {
  assert.equal(isRepositoryPath(OWN_FOLDER), false);
  assert.equal(isRepositoryPath(`${OWN_FOLDER}/x`), false);
});

test("no two names share a folder, and none is inside the layout of another", () => {
  forEachSeed(30, (random) => {
    const names = new Set(Array.from({ length: 60 }, () => {
      const part = () => random.pick([...LAYOUT_NAMES, "a", "b", randomPart(random)]);
      return Array.from({ length: 1 + random.below(4) }, part).join("/");
    }));
    const folders = [...names].map((name) => repositoryFolder(ROOT, name));
    assert.equal(new Set(folders).size, names.size);
    for (const folder of folders) {
      assert.ok(folder.startsWith(ROOT + sep), folder);
      for (const own of folders.flatMap((other) => LAYOUT_NAMES.map((name) => join(other, name)))) {
        assert.ok(folder !== own && !folder.startsWith(own + sep), `${folder} is in ${own}`);
      }
    }
  });
});

test("blobPath is a file of the algorithm's folder", () => {
  const encoded = "0123456789abcdef".repeat(4);
  assert.equal(
    blobPath(ROOT, { algorithm: "sha256", encoded }),
    join(ROOT, "blobs", "sha256", encoded),
  );
});

function folderOf(part: string): string {
  return repositoryFolder(ROOT, part).slice(ROOT.length + sep.length);
}

function randomPart(random: Random): string {
  const words = Array.from({ length: 1 + random.below(3) }, () => random.text(LOWER, 1, 4));
  return words.reduce((part, word) => part + random.pick([".", "_", "__", "-", "---"]) + word);
}
