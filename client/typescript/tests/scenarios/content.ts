/** Contents that a scenario describes. */

/** Bytes, as a scenario describes them. */
export type Content =
  | { readonly text: string }
  | { readonly bytes: number; readonly seed?: number; readonly from?: number }
  | { readonly parts: readonly Content[] };

export interface NewFile {
  readonly path: string;
  readonly content: Content;
  readonly create_only?: boolean;
}

export interface ManyPaths {
  readonly count: number;
  readonly prefix: string;
}

export interface ManyFiles extends ManyPaths {
  readonly content: Content;
}

/** Size of the block that repeats: a prime, so that no frame or part begins where a block does. */
const BLOCK_BYTES = 65_521;

/** Returns the bytes that a scenario describes. */
export function content(described: Content): Uint8Array<ArrayBuffer> {
  if ("parts" in described) {
    return concat(described.parts.map(content));
  }
  if ("text" in described) {
    return new TextEncoder().encode(described.text);
  }
  const { bytes, seed = 0, from = 0 } = described;
  const [start, repeated] = [from % BLOCK_BYTES, block(seed)];
  const all = new Uint8Array(start + bytes);
  for (let at = 0; at < all.length; at += BLOCK_BYTES) {
    all.set(repeated.subarray(0, all.length - at), at);
  }
  return all.subarray(start);
}

function block(seed: number): Uint8Array {
  let state = seed + 1;
  return Uint8Array.from({ length: BLOCK_BYTES }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state & 0xff;
  });
}

/** Concatenates pieces. */
export function concat(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** Returns a list of files, or many files with equal contents. */
export function files(described: readonly NewFile[] | ManyFiles): readonly NewFile[] {
  if ("count" in described) {
    return paths(described).map((path) => ({ path, content: described.content }));
  }
  return described;
}

/** Returns a list of paths, or many numbered ones. */
export function paths(described: readonly string[] | ManyPaths): readonly string[] {
  if ("count" in described) {
    const { count, prefix } = described;
    return Array.from({ length: count }, (_, index) => `${prefix}${String(index).padStart(5, "0")}`);
  }
  return described;
}
