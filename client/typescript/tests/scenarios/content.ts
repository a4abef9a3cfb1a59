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
export function content(described: Content): Buffer {
  if ("parts" in described) {
    return Buffer.concat(described.parts.map(content));
  }
  if ("text" in described) {
    return Buffer.from(described.text);
  }
  const { bytes, seed = 0, from = 0 } = described;
  const start = from % BLOCK_BYTES;
  return Buffer.alloc(start + bytes, block(seed)).subarray(start);
}

function block(seed: number): Buffer {
  let state = seed + 1;
  return Buffer.from(
    Array.from({ length: BLOCK_BYTES }, () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return state & 0xff;
    }),
  );
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
