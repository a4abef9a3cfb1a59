import type { SourceReader } from "./source.js";

/** Data whose parts can be read in any order and more than once. */
export abstract class RandomAccess {
  /** Size in bytes. */
  abstract readonly sizeBytes: number;
  /** Name for messages. */
  abstract readonly name: string;
  /** Time of the last modification in nanoseconds since 1970. 0 if it is unknown. */
  abstract readonly modifiedNs: bigint;
  /** Number of nanoseconds that `modifiedNs` can be wrong. */
  abstract readonly precisionNs: bigint;
  /** Opens a part. */
  abstract open(offset: number, length: number): SourceReader;
  /** Throws an error if the data changed since this object was created. */
  abstract checkUnchanged(): Promise<void>;
}
