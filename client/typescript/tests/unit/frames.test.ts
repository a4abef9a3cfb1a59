import assert from "node:assert/strict";
import { test } from "node:test";
import { Frames } from "../../src/files/frames.js";
import { concat, type SourceReader } from "../../src/files/source.js";
import { bytes, isSame } from "../support/check.js";

function reader(pieces: Iterable<Uint8Array>): SourceReader {
  const iterator = pieces[Symbol.iterator]();
  return { next: () => Promise.resolve(iterator.next().value as Uint8Array | undefined), cancel: () => undefined };
}

async function framesOf(frames: Frames): Promise<Uint8Array[]> {
  const found: Uint8Array[] = [];
  for (;;) {
    const { data, isLast } = await frames.next();
    found.push(data.slice());
    if (isLast) {
      return found;
    }
  }
}

test("pieces of any size become frames of one size", async () => {
  const data = bytes(1000);
  for (const size of [1, 3, 99, 100, 101, 250, 1000]) {
    // The source reuses its memory.
    const buffer = new Uint8Array(size);
    const pieces = function* () {
      for (let at = 0; at < data.length; at += size) {
        const piece = data.subarray(at, at + size);
        buffer.set(piece);
        yield buffer.subarray(0, piece.length);
      }
    };
    const found = await framesOf(new Frames(reader(pieces()), 100));
    assert.deepEqual(
      found.map(({ length }) => length),
      [...Array.from({ length: 10 }, () => 100), 0],
      String(size),
    );
    assert(isSame(concat(found, 1000), data), String(size));
  }
});

test("an empty source has one empty frame", async () => {
  assert.deepEqual(await framesOf(new Frames(reader([]), 100)), [new Uint8Array()]);
  assert.deepEqual(await framesOf(new Frames(reader([new Uint8Array(), bytes(3)]), 100)), [bytes(3)]);
});

test("a stalled source yields a smaller frame", async () => {
  let release: (piece: Uint8Array) => void = () => undefined;
  const later = new Promise<Uint8Array>((resolve) => (release = resolve));
  const queue: (Promise<Uint8Array> | Uint8Array | undefined)[] = [bytes(3), later, undefined];
  const source: SourceReader = { next: async () => queue.shift(), cancel: () => undefined };
  const frames = new Frames(source, 100, 20);
  const { data, isLast } = await frames.next();
  assert.deepEqual([data.length, isLast], [3, false]);
  release(bytes(4));
  const rest = await frames.next();
  assert.deepEqual([rest.data.length, rest.isLast], [4, true]);
});
