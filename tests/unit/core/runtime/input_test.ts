import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readdirSync, statSync } from "node:fs";
import { PassThrough, Readable } from "node:stream";
import { test } from "node:test";
import { FileBlob } from "../../../../core/runtime/file_blob.ts";
import { openFile, spool } from "../../../../core/runtime/input.ts";
import { createTempFolder } from "../../../support/temp_folder.ts";

const MAX = { maxBytes: 1000 };

test("spool: keeps all that comes, for the owner alone, until it is removed", async () => {
  await using folder = await createTempFolder();
  const source = Readable.from([Buffer.from("ab"), Buffer.from([0xff])]);
  const { blob, remove } = await spool(source, MAX, folder.path);
  assert.deepEqual(new Uint8Array(await blob.arrayBuffer()), Uint8Array.of(97, 98, 0xff));
  const modes = readdirSync(folder.path, { recursive: true, encoding: "utf8" })
    .map((name) => statSync(folder.join(name)).mode & 0o777);
  assert.deepEqual(modes, [0o700, 0o600]);
  remove();
  remove();
  assert.deepEqual(readdirSync(folder.path), []);
});

test("spool: nothing stays where it fails", async () => {
  await using folder = await createTempFolder();
  const tooMuch = spool(Readable.from([Buffer.alloc(1001)]), MAX, folder.path);
  await assert.rejects(tooMuch, {
    code: "USAGE",
    message: "Standard input is larger than 1000 bytes",
  });

  const stop = new AbortController();
  const endless = new PassThrough();
  endless.write("some of it");
  const stopped = spool(endless, { ...MAX, signal: stop.signal }, folder.path);
  stop.abort(new Error("enough"));
  await assert.rejects(stopped, { message: "enough" });

  const broken = new PassThrough();
  const failed = spool(broken, MAX, folder.path);
  broken.destroy(Object.assign(new Error("broken"), { code: "EIO" }));
  await assert.rejects(failed, {
    code: "CONFIG",
    message: /^Cannot keep standard input in .*: EIO$/,
  });
  assert.deepEqual(readdirSync(folder.path), []);

  const nowhere = spool(Readable.from([]), MAX, folder.join("missing"));
  await assert.rejects(nowhere, { code: "CONFIG", message: /: ENOENT$/ });
});

test("openFile: a part of a file is read, and no more", async () => {
  await using folder = await createTempFolder();
  const path = await folder.write("file", "0123456789");
  const blobs = [await openFile(path), new FileBlob(path, 0, 10)];
  for (const blob of blobs) {
    assert.equal(blob.size, 10);
    const cases = [
      [[], "0123456789"],
      [[3], "3456789"],
      [[2, 5], "234"],
      [[-3], "789"],
      [[-20, -8], "01"],
      [[5, 99], "56789"],
      [[6, 2], ""],
      [[99], ""],
    ] as const;
    for (const [[start, end], text] of cases) {
      const part = blob.slice(start, end);
      assert.equal(part.size, text.length);
      assert.equal(await part.text(), text);
      assert.equal(await new Response(part.stream()).text(), text);
      assert.equal(Buffer.from(await part.arrayBuffer()).toString(), text);
    }
    assert.equal(await blob.slice(2, 8).slice(1, 3).text(), "34");
  }
});

test("FileBlob: a file that has become shorter is an error", async () => {
  await using folder = await createTempFolder();
  const path = await folder.write("file", "0123456789");
  const blob = new FileBlob(path, 0, 11);
  await assert.rejects(blob.arrayBuffer(), { message: /has become shorter/ });
  await assert.rejects(new Response(blob.stream()).text());
});
