// The polynomial 0x1EDC6F41, with reflected bits.
const POLYNOMIAL = 0x82f63b78;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) {
    value = (value >>> 1) ^ (value & 1 ? POLYNOMIAL : 0);
  }
  return value;
});

/** Returns the CRC32C of `data`. */
export function crc32c(data: Uint8Array): number {
  const update = (sum: number, byte: number) => (sum >>> 8) ^ (TABLE[(sum ^ byte) & 0xff] ?? 0);
  return ~data.reduce(update, 0xffffffff) >>> 0;
}
