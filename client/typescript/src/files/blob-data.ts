import { RandomAccess } from "./random-access.js";
import { type SourceReader, streamReader } from "./source.js";

/** A `Blob`, or a file that a person chose in a browser. */
export class BlobData extends RandomAccess {
  readonly sizeBytes: number;
  readonly name: string;
  readonly modifiedNs: bigint;
  readonly precisionNs = 1_000_000n;
  readonly #blob: Blob;

  constructor(blob: Blob) {
    super();
    this.#blob = blob;
    this.sizeBytes = blob.size;
    const isFile = typeof File !== "undefined" && blob instanceof File;
    this.name = isFile ? blob.name : "the Blob";
    this.modifiedNs = isFile ? BigInt(blob.lastModified) * this.precisionNs : 0n;
  }

  open(offset: number, length: number): SourceReader {
    return streamReader(this.#blob.slice(offset, offset + length).stream());
  }

  /** Browsers report a changed file as an error of the read. */
  checkUnchanged(): Promise<void> {
    return Promise.resolve();
  }
}
