/**
 * SHA-256. Browsers offer `crypto.subtle` only to pages from a secure origin. The client hashes names with it, no secrets.
 */

const PRIMES = primes(64);
/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const ROUND = Uint32Array.from(PRIMES, (prime) => fraction(Math.cbrt(prime)));
/** The same of the square roots of the first 8 primes. */
const START = Uint32Array.from(PRIMES.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));

function primes(count: number): number[] {
  const found: number[] = [];
  for (let candidate = 2; found.length < count; candidate++) {
    if (found.every((prime) => candidate % prime !== 0)) {
      found.push(candidate);
    }
  }
  return found;
}

function fraction(value: number): number {
  return (value - Math.floor(value)) * 2 ** 32;
}

/**
 * Returns the SHA-256 of `data`.
 *
 * @internal
 */
export function sha256(data: Uint8Array): Uint8Array {
  const state = Uint32Array.from(START);
  const padded = pad(data);
  for (let at = 0; at < padded.byteLength; at += 64) {
    addBlock(state, new DataView(padded.buffer, at, 64));
  }
  const result = new DataView(new ArrayBuffer(32));
  state.forEach((word, index) => {
    result.setUint32(4 * index, word);
  });
  return new Uint8Array(result.buffer);
}

function pad(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const padded = new Uint8Array(Math.ceil((data.length + 9) / 64) * 64);
  padded.set(data);
  padded[data.length] = 0x80;
  new DataView(padded.buffer).setBigUint64(padded.length - 8, BigInt(data.length) * 8n);
  return padded;
}

/* eslint-disable @typescript-eslint/no-non-null-assertion -- all indexes are within bounds */
function addBlock(state: Uint32Array, block: DataView): void {
  const words = new Uint32Array(64);
  for (let index = 0; index < 64; index++) {
    words[index] = index < 16 ? block.getUint32(4 * index) : nextWord(words, index);
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number];
  for (let index = 0; index < 64; index++) {
    const sumE = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const first = (h + sumE + ((e & f) ^ (~e & g)) + ROUND[index]! + words[index]!) >>> 0;
    const sumA = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const second = (sumA + ((a & b) ^ (a & c) ^ (b & c))) >>> 0;
    [a, b, c, d, e, f, g, h] = [(first + second) >>> 0, a, b, c, (d + first) >>> 0, e, f, g];
  }
  [a, b, c, d, e, f, g, h].forEach((value, index) => {
    state[index]! += value;
  });
}

function nextWord(words: Uint32Array, index: number): number {
  const early = words[index - 15]!;
  const late = words[index - 2]!;
  const first = rotate(early, 7) ^ rotate(early, 18) ^ (early >>> 3);
  const second = rotate(late, 17) ^ rotate(late, 19) ^ (late >>> 10);
  return words[index - 16]! + first + words[index - 7]! + second;
}
/* eslint-enable @typescript-eslint/no-non-null-assertion */

function rotate(value: number, bits: number): number {
  return (value >>> bits) | (value << (32 - bits));
}
