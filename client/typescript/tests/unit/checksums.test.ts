import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { combineCrc32c, crc32c } from "../../src/checksum.js";
import { hex } from "../../src/ids.js";
import { sha256 } from "../../src/sha256.js";
import { bytes } from "../support/check.js";

test("CRC32C has the values of its specification", () => {
  assert.equal(crc32c(new Uint8Array()), 0);
  assert.equal(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
  // RFC 3720, B.4.
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e);
});

test("CRC32C of parts is that of the whole", () => {
  const data = bytes(10_000);
  for (const split of [0, 1, 7, 15, 16, 17, 4096, 9_999, 10_000]) {
    const [first, second] = [data.subarray(0, split), data.subarray(split)];
    assert.equal(crc32c(second, crc32c(first)), crc32c(data), String(split));
    assert.equal(combineCrc32c(crc32c(first), crc32c(second), second.length), crc32c(data), String(split));
  }
  // Larger than 32 bits.
  const zeros = 5 * 2 ** 32;
  const twice = combineCrc32c(combineCrc32c(7, 0, zeros), 0, zeros);
  assert.equal(combineCrc32c(7, 0, 2 * zeros), twice);
});

test("SHA-256 has the same values as in Node.js", () => {
  for (const length of [0, 1, 55, 56, 63, 64, 65, 1000]) {
    const data = bytes(length);
    assert.equal(hex(sha256(data)), createHash("sha256").update(data).digest("hex"), String(length));
  }
});
