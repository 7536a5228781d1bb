import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, rename } from "node:fs/promises";
import { test } from "node:test";

import type { VerifiableDigest } from "../../../../core/oci/digest.ts";
import { Problem, type ProblemCode } from "../../../../core/server/problem.ts";
import { Upload } from "../../../../core/server/upload.ts";
import { Random } from "../../../support/random.ts";
import { createTempFolder, type TempFolder } from "../../../support/temp_folder.ts";

type Algorithm = VerifiableDigest["algorithm"];

const KIB = 1024;
/** More than two of the pieces in which an upload is written. */
const LARGE = 2500 * KIB;

test("appends in pieces, counts the bytes and hands over the file", async () => {
  await using folder = await createTempFolder();
  const upload = start(folder);
  assert.equal(upload.size, 0);
  await upload.append(body("ab", "", "c"));
  assert.equal(upload.size, 3);
  await upload.append(body("def"), { start: 3, length: 3 });
  await upload.append(body(), { start: 6, length: 0 });
  await upload.append(body("g"), { start: 6 });
  assert.equal(upload.size, 7);
  await assertFinishes(folder, upload, "abcdefg");
});

test("place may move the file away", async () => {
  await using folder = await createTempFolder();
  const upload = start(folder);
  await upload.append(body("abc"));
  const target = folder.join("blob");
  await upload.finish(digestOf("abc"), (path) => rename(path, target));
  assert.equal(await readFile(target, "utf8"), "abc");
  assert.equal(existsSync(folder.join("upload")), false);
});

test("takes bodies larger than what it writes at once, in pieces of any size", async () => {
  await using folder = await createTempFolder();
  const upload = start(folder);
  const bytes = someBytes(LARGE);
  const random = new Random(1);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = random.pick([0, 1, 7, 1000, 64 * KIB, 300 * KIB, 1024 * KIB]);
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  await upload.append(body(...pieces), { length: bytes.length });
  assert.equal(upload.size, bytes.length);
  await assertFinishes(folder, upload, bytes);
});

test("takes one piece larger than what it writes at once", async () => {
  await using folder = await createTempFolder();
  const upload = start(folder);
  const bytes = someBytes(LARGE);
  await upload.append(body(bytes));
  await assertFinishes(folder, upload, bytes);
});

test("takes more tiny pieces than the system writes at once", async () => {
  await using folder = await createTempFolder();
  const upload = start(folder);
  const bytes = someBytes(5000);
  await upload.append(body(...Array.from(bytes, (byte) => Uint8Array.of(byte))));
  assert.equal(upload.size, bytes.length);
  await assertFinishes(folder, upload, bytes);
});

test("a body that starts elsewhere is refused with 416 and changes nothing", async () => {
  await using folder = await createTempFolder();
  const upload = start(folder);
  await upload.append(body("abc"));
  for (const at of [0, 2, 4, -1, 1e15, NaN]) {
    const problem = await assertProblem(
      upload.append(body("xyz"), { start: at }),
      "BLOB_UPLOAD_INVALID",
    );
    assert.equal(problem.status, 416);
    assert.equal(upload.size, 3);
    assert.equal(await readFile(folder.join("upload"), "utf8"), "abc");
  }
  await upload.append(body("d"), { start: 3 });
  await assertFinishes(folder, upload, "abcd");
});

test("a first body that does not start at 0 is refused with 416", async () => {
  await using folder = await createTempFolder();
  const upload = start(folder);
  const problem = await assertProblem(
    upload.append(body("x"), { start: 1 }),
    "BLOB_UPLOAD_INVALID",
  );
  assert.equal(problem.status, 416);
  assert.equal(upload.size, 0);
  await upload.append(body("abc"), { start: 0 });
  await assertFinishes(folder, upload, "abc");
});

test("a body of another length is taken back, from the file and from the hash", async () => {
  const wrong: readonly (readonly [Uint8Array | string, number])[] = [
    ["xy", 3],
    ["xyzz", 3],
    ["", 1],
    ["x", 0],
    [someBytes(LARGE), LARGE + 1],
    [someBytes(LARGE), LARGE - 1],
  ];
  for (const algorithm of ["sha256", "sha512"] as const) {
    for (const [bytes, length] of wrong) {
      for (const before of ["", "abc"]) {
        await using folder = await createTempFolder();
        const upload = start(folder, algorithm);
        if (before !== "") await upload.append(body(before));
        await assertProblem(upload.append(body(bytes), { length }), "SIZE_INVALID");
        assert.equal(upload.size, before.length);
        await upload.append(body("def"), { start: before.length, length: 3 });
        assert.equal(upload.size, before.length + 3);
        await assertFinishes(folder, upload, `${before}def`, algorithm);
      }
    }
  }
});

test("two bodies of another length, one after the other, are both taken back", async () => {
  await using folder = await createTempFolder();
  const upload = start(folder);
  await upload.append(body("abc"));
  await assertProblem(upload.append(body("x"), { length: 2 }), "SIZE_INVALID");
  await assertProblem(upload.append(body("yy"), { length: 1 }), "SIZE_INVALID");
  await upload.append(body("d"), { start: 3, length: 1 });
  await assertFinishes(folder, upload, "abcd");
});

test("a body that breaks off leaves what came, and can be continued", async () => {
  for (const size of [0, 1, 5000, LARGE]) {
    await using folder = await createTempFolder();
    const upload = start(folder);
    const bytes = someBytes(size);
    const broken = new Error("connection reset");
    const cut = size >> 1;
    const halves = [bytes.subarray(0, cut), bytes.subarray(cut)];
    await assert.rejects(
      upload.append(breaksOff(broken, ...halves), { start: 0, length: size + 4 }),
      (error) => error === broken,
    );
    assert.equal(upload.size, size);
    await upload.append(body("rest"), { start: size, length: 4 });
    await assertFinishes(folder, upload, Buffer.concat([bytes, Buffer.from("rest")]));
  }
});

test("finishes with another algorithm than it was started for", async () => {
  const table = [["sha256", "sha512"], ["sha512", "sha256"], ["sha512", "sha512"]] as const;
  for (const [started, finished] of table) {
    for (const bytes of [Buffer.from("abc"), Buffer.alloc(0), someBytes(LARGE)]) {
      await using folder = await createTempFolder();
      const upload = start(folder, started);
      await upload.append(body(bytes));
      await assertFinishes(folder, upload, bytes, finished);
    }
  }
});

test("a digest that is not that of the bytes ends the upload and places nothing", async () => {
  const wrong = [digestOf("abd"), digestOf(""), digestOf("abd", "sha512")];
  for (const digest of wrong) {
    await using folder = await createTempFolder();
    const upload = start(folder);
    await upload.append(body("abc"));
    await assertProblem(upload.finish(digest, neverPlaced), "DIGEST_INVALID");
    assert.equal(existsSync(folder.join("upload")), false);
    await assertOver(upload);
  }
});

test("an empty upload is the empty blob", async () => {
  for (const algorithm of ["sha256", "sha512"] as const) {
    await using folder = await createTempFolder();
    await assertFinishes(folder, start(folder), "", algorithm);
    const other = start(folder);
    await assertProblem(other.finish(digestOf("x"), neverPlaced), "DIGEST_INVALID");
    assert.equal(existsSync(folder.join("upload")), false);
  }
});

test("a place that fails ends the upload with its error", async () => {
  await using folder = await createTempFolder();
  const upload = start(folder);
  await upload.append(body("abc"));
  const full = new Error("no space left");
  const place = () => Promise.reject(full);
  await assert.rejects(upload.finish(digestOf("abc"), place), (error) => error === full);
  assert.equal(existsSync(folder.join("upload")), false);
  await assertOver(upload);
});

test("cancel removes the file", async () => {
  await using folder = await createTempFolder();
  const upload = start(folder);
  await upload.append(body("abc"));
  assert.equal(existsSync(folder.join("upload")), true);
  await upload.cancel();
  assert.equal(existsSync(folder.join("upload")), false);
  await assertOver(upload);
  const unused = start(folder);
  await unused.cancel();
  await assertOver(unused);
});

test("nothing can be done with an upload that is finished", async () => {
  await using folder = await createTempFolder();
  const upload = start(folder);
  await upload.append(body("abc"));
  await assertFinishes(folder, upload, "abc");
  await assertOver(upload);
});

test("two appends started together do not interleave", async () => {
  await using folder = await createTempFolder();
  const upload = start(folder);
  const first = someBytes(LARGE);
  await Promise.all([
    upload.append(slowly(first.subarray(0, LARGE / 2), first.subarray(LARGE / 2)), { start: 0 }),
    upload.append(body("second"), { start: LARGE }),
    upload.append(slowly("th", "ird"), { start: LARGE + 6, length: 5 }),
  ]);
  await assertFinishes(folder, upload, Buffer.concat([first, Buffer.from("secondthird")]));
});

test("two appends started together at one place are one and a refusal", async () => {
  await using folder = await createTempFolder();
  const upload = start(folder);
  const first = upload.append(slowly("a", "b", "c"), { start: 0 });
  const second = assertProblem(upload.append(body("xyz"), { start: 0 }), "BLOB_UPLOAD_INVALID");
  await Promise.all([first, second]);
  await assertFinishes(folder, upload, "abc");
});

test("an end waits for the append before it, and what comes after it is refused", async () => {
  await using folder = await createTempFolder();
  const upload = start(folder);
  const append = upload.append(slowly("a", "b", "c"));
  const finish = assertFinishes(folder, upload, "abc");
  const late = assertProblem(upload.append(body("d")), "BLOB_UPLOAD_UNKNOWN");
  await Promise.all([append, finish, late]);

  const other = start(folder);
  const stopped = assertProblem(other.append(slowly("a", "b", "c")), "BLOB_UPLOAD_UNKNOWN");
  await Promise.all([stopped, other.cancel()]);
  assert.equal(existsSync(folder.join("upload")), false);
  await assertOver(other);
});

function start(folder: TempFolder, algorithm: Algorithm = "sha256"): Upload {
  return new Upload("id", "a/b", folder.join("upload"), algorithm);
}

async function* body(...pieces: readonly (Uint8Array | string)[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield typeof piece === "string" ? Buffer.from(piece) : piece;
}

async function* slowly(...pieces: readonly (Uint8Array | string)[]): AsyncGenerator<Uint8Array> {
  for await (const piece of body(...pieces)) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    yield piece;
  }
}

async function* breaksOff(
  error: Error,
  ...pieces: readonly (Uint8Array | string)[]
): AsyncGenerator<Uint8Array> {
  yield* body(...pieces);
  throw error;
}

function someBytes(size: number): Buffer {
  const random = new Random(size);
  return Buffer.from(Uint8Array.from({ length: size }, () => random.below(256)));
}

function digestOf(bytes: Uint8Array | string, algorithm: Algorithm = "sha256"): VerifiableDigest {
  return { algorithm, encoded: createHash(algorithm).update(bytes).digest("hex") };
}

function neverPlaced(): Promise<void> {
  return Promise.reject(new Error("placed"));
}

/** Asserts that the upload is exactly these bytes and leaves no file. */
async function assertFinishes(
  folder: TempFolder,
  upload: Upload,
  bytes: Uint8Array | string,
  algorithm: Algorithm = "sha256",
): Promise<void> {
  const placed: Buffer[] = [];
  await upload.finish(digestOf(bytes, algorithm), async (path) => {
    placed.push(await readFile(path));
  });
  assert.equal(placed.length, 1);
  assert.ok(placed[0]?.equals(Buffer.from(bytes)), "the file has other bytes");
  assert.equal(existsSync(folder.join("upload")), false);
}

async function assertOver(upload: Upload): Promise<void> {
  await assertProblem(upload.append(body("x")), "BLOB_UPLOAD_UNKNOWN");
  await assertProblem(upload.finish(digestOf(""), neverPlaced), "BLOB_UPLOAD_UNKNOWN");
  assert.equal(upload.isOver, true);
}

async function assertProblem(result: Promise<void>, code: ProblemCode): Promise<Problem> {
  const error: unknown = await result.then(() => "nothing was thrown", (thrown) => thrown);
  assert.ok(error instanceof Problem, String(error));
  assert.equal(error.code, code, error.message);
  return error;
}
