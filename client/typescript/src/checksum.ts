/** CRC32C: the polynomial 0x1EDC6F41, with reflected bits. */
const POLYNOMIAL = 0x82f63b78;

/** Number of bytes that one step of {@link crc32c} takes. */
const STEP = 16;

/** Tables for a step: `TABLES[256 * n + b]` is the checksum of the byte `b` with `n` zero bytes after it. */
const TABLES = makeTables();

function makeTables(): Int32Array {
  const tables = new Int32Array(STEP * 256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) {
      value = (value >>> 1) ^ (value & 1 ? POLYNOMIAL : 0);
    }
    tables[byte] = value;
  }
  for (let index = 256; index < tables.length; index++) {
    const shorter = tables[index - 256] ?? 0;
    tables[index] = (shorter >>> 8) ^ (tables[shorter & 0xff] ?? 0);
  }
  return tables;
}

/**
 * Returns the CRC32C of `data`, as an unsigned 32-bit number. `before` is the CRC32C of the bytes before `data`.
 *
 * @internal
 */
export function crc32c(data: Uint8Array, before = 0): number {
  const tables = TABLES;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  let sum = ~before;
  let at = 0;
  const stepsEnd = data.length - (data.length % STEP);
  /* eslint-disable @typescript-eslint/no-non-null-assertion -- all indexes are within bounds; a default value would cost time */
  for (; at < stepsEnd; at += STEP) {
    const a = sum ^ view.getInt32(at, true);
    const b = view.getInt32(at + 4, true);
    const c = view.getInt32(at + 8, true);
    const d = view.getInt32(at + 12, true);
    sum =
      tables[3840 + (a & 0xff)]! ^
      tables[3584 + ((a >>> 8) & 0xff)]! ^
      tables[3328 + ((a >>> 16) & 0xff)]! ^
      tables[3072 + (a >>> 24)]! ^
      tables[2816 + (b & 0xff)]! ^
      tables[2560 + ((b >>> 8) & 0xff)]! ^
      tables[2304 + ((b >>> 16) & 0xff)]! ^
      tables[2048 + (b >>> 24)]! ^
      tables[1792 + (c & 0xff)]! ^
      tables[1536 + ((c >>> 8) & 0xff)]! ^
      tables[1280 + ((c >>> 16) & 0xff)]! ^
      tables[1024 + (c >>> 24)]! ^
      tables[768 + (d & 0xff)]! ^
      tables[512 + ((d >>> 8) & 0xff)]! ^
      tables[256 + ((d >>> 16) & 0xff)]! ^
      tables[d >>> 24]!;
  }
  for (; at < data.length; at++) {
    sum = (sum >>> 8) ^ tables[(sum ^ data[at]!) & 0xff]!;
  }
  /* eslint-enable @typescript-eslint/no-non-null-assertion */
  return ~sum >>> 0;
}

/**
 * Returns the CRC32C of two byte strings together. `first` and `second` are their checksums, `secondBytes` is the length of the
 * second one.
 *
 * @internal
 */
export function combineCrc32c(first: number, second: number, secondBytes: number): number {
  // Appending zero bytes to the first string multiplies its checksum by x^8 per byte. Square and multiply.
  let sum = first;
  let power = multiply(X, X);
  power = multiply(power, power);
  power = multiply(power, power);
  for (let left = secondBytes; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) {
      sum = multiply(sum, power);
    }
    power = multiply(power, power);
  }
  return (sum ^ second) >>> 0;
}

/** The polynomial x, with reflected bits. */
const X = 0x40000000;

/** Multiplies two polynomials modulo the polynomial of CRC32C, all with reflected bits. */
function multiply(a: number, b: number): number {
  let product = 0;
  let shifted = b;
  for (let bit = 31; bit >= 0; bit--) {
    if ((a >>> bit) & 1) {
      product ^= shifted;
    }
    shifted = (shifted >>> 1) ^ (shifted & 1 ? POLYNOMIAL : 0);
  }
  return product >>> 0;
}
