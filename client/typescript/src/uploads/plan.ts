/** Maximum number of objects that one `Compose` concatenates. */
export const MAX_PARTS = 10_000;
/** Larger part sizes are multiples of this. */
const MIB = 1 << 20;

/** A range of the data. */
export interface Part {
  readonly index: number;
  readonly offset: number;
  readonly length: number;
}

/** Division of data into parts. */
export class Plan {
  readonly #sizeBytes: number;
  /** Size of all parts except the last one. */
  readonly partBytes: number;

  /** Divides `sizeBytes` into parts of `partBytes`, or of more bytes if there were more than `MAX_PARTS` parts. */
  constructor(sizeBytes: number, partBytes: number) {
    this.#sizeBytes = sizeBytes;
    const needed = Math.ceil(sizeBytes / MAX_PARTS);
    this.partBytes = partBytes < needed ? Math.ceil(needed / MIB) * MIB : Math.max(partBytes, 1);
  }

  /** Number of parts. Empty data has one empty part: `Compose` needs a source. */
  get count(): number {
    return Math.max(Math.ceil(this.#sizeBytes / this.partBytes), 1);
  }

  /** Yields the parts, in order. */
  *parts(): Generator<Part> {
    for (let index = 0; index < this.count; index++) {
      const offset = index * this.partBytes;
      yield { index, offset, length: Math.min(this.partBytes, this.#sizeBytes - offset) };
    }
  }
}
