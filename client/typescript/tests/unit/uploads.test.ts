import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { BlobData } from "../../src/files/blob-data.js";
import { splitByWeight, splitPaths } from "../../src/files/batch-split.js";
import { refPlace, transactionPlace } from "../../src/place.js";
import { destinationHash, hashTexts } from "../../src/uploads/destination.js";
import { PartNames, uploadLabels } from "../../src/uploads/labels.js";
import { MAX_PARTS, Plan } from "../../src/uploads/plan.js";

const PART = 64 << 20;

test("parts cover the data without gaps", () => {
  const limit = PART * MAX_PARTS;
  for (const [size, count, partBytes] of [
    [0, 1, PART],
    [1, 1, PART],
    [PART, 1, PART],
    [PART + 1, 2, PART],
    [limit, MAX_PARTS, PART],
    [limit + 1, 9_847, 65 << 20],
    [5 * 2 ** 40, 9_987, 525 << 20],
  ] as const) {
    const plan = new Plan(size, PART);
    assert.deepEqual([plan.count, plan.partBytes], [count, partBytes], String(size));
    let end = 0;
    for (const { offset, length } of plan.parts()) {
      assert.equal(offset, end);
      assert(length > 0 || size === 0);
      end += length;
    }
    assert.equal(end, size);
    assert.equal(new Plan(size, plan.partBytes).partBytes, partBytes, "a plan of its own part size is the same");
  }
});

/** The hash of the Rust client: SHA-256 of the texts, each after its length in 8 bytes. */
function rustHash(texts: string[]): string {
  const digest = createHash("sha256");
  for (const text of texts) {
    const bytes = Buffer.from(text);
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(bytes.length));
    digest.update(length).update(bytes);
  }
  return digest.digest("hex").slice(0, 32);
}

test("labels and names of parts are those of the other clients", () => {
  const to = { place: refPlace("lake", "main"), path: "ü".repeat(200), baseBranch: "main" };
  const file = new BlobData(new File(["abc"], "a", { lastModified: 1234 }));
  assert.deepEqual(uploadLabels(file, to, 7), {
    "upload-file": "3-1234000000",
    "upload-part-bytes": "7",
    "upload-destination": rustHash(["lake", "main", "", to.path]),
    "upload-path": "ü".repeat(128),
  });
  const names = new PartNames("id", to, "3-1234000000", 7);
  assert.equal(names.prefix, `lakeport-upload/${rustHash(["id", destinationHash(to), "3-1234000000", "7"])}/`);
  assert.equal(names.requestId, rustHash(["compose", "id", destinationHash(to)]));
  const part = { index: 12, offset: 0, length: 1 };
  assert.equal(names.path(part, 3), `${names.prefix}00012.003`);
  assert.equal(names.indexOf(names.path(part, 3)), 12);
  assert.equal(names.indexOf("other/00012.003"), undefined);
  const inTransaction = { ...to, place: transactionPlace("t", "lake") };
  assert.equal(destinationHash(inTransaction), rustHash(["lake", "", "t", to.path]));
  assert.notEqual(hashTexts(["a", "bc"]), hashTexts(["ab", "c"]));
});

test("batches keep the limits of the server", () => {
  assert.deepEqual([...splitByWeight([1, 2, 3, 9, 1], (item) => item, 5)], [[1, 2], [3], [9], [1]]);
  assert.deepEqual([...splitByWeight([], () => 1, 5)], []);
  const short = [...splitPaths(Array.from({ length: 25_000 }, (_, index) => String(index)))];
  assert.deepEqual(
    short.map(({ length }) => length),
    [10_000, 10_000, 5_000],
  );
  const long = [...splitPaths(Array.from({ length: 9_000 }, () => "x".repeat(1024)))];
  assert(long.length > 2 && long.every((part) => part.length * 1030 < 4_128_768));
});
