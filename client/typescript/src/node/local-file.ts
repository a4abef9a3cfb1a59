import { type FileHandle, open, stat } from "node:fs/promises";
import { invalid, makeError } from "../errors/error.js";
import { RandomAccess } from "../files/random-access.js";
import type { SourceReader } from "../files/source.js";

/** Size of a read from the disk. */
const READ_BYTES = 1 << 20;

/** A regular file, as it was when {@link localFile} was called. */
export class LocalFile extends RandomAccess {
  readonly name: string;
  readonly sizeBytes: number;
  readonly modifiedNs: bigint;
  readonly precisionNs = 1n;

  /** @internal */
  constructor(path: string, sizeBytes: number, modifiedNs: bigint) {
    super();
    this.name = path;
    this.sizeBytes = sizeBytes;
    this.modifiedNs = modifiedNs;
  }

  open(offset: number, length: number): SourceReader {
    return new FileReader(this.name, offset, length);
  }

  async checkUnchanged(): Promise<void> {
    const { size, mtimeNs } = await stat(this.name, { bigint: true });
    if (Number(size) !== this.sizeBytes || mtimeNs !== this.modifiedNs) {
      throw makeError(`${this.name} changed during the upload, and nothing was stored: start again`, "ABORTED");
    }
  }
}

/** Returns a file to upload: pass it to {@link Files.write} or {@link Files.resumableUpload}. */
export async function localFile(path: string): Promise<LocalFile> {
  const found = await stat(path, { bigint: true });
  if (!found.isFile()) {
    throw invalid(`${path} is not a regular file`);
  }
  return new LocalFile(path, Number(found.size), found.mtimeNs);
}

/** Reads a part of a file. */
class FileReader implements SourceReader {
  readonly #path: string;
  #offset: number;
  #left: number;
  #file: Promise<FileHandle> | undefined;
  #reading: Promise<unknown> = Promise.resolve();

  constructor(path: string, offset: number, length: number) {
    this.#path = path;
    this.#offset = offset;
    this.#left = length;
  }

  async next(): Promise<Uint8Array | undefined> {
    if (this.#left === 0) {
      return undefined;
    }
    this.#file ??= open(this.#path);
    const reading = this.#read(this.#file);
    this.#reading = reading.catch(() => undefined);
    return reading;
  }

  /** Closes the file after the current read. */
  cancel(): void {
    const file = this.#file;
    if (file !== undefined) {
      void this.#reading
        .then(async () => {
          await (await file).close();
        })
        .catch(() => undefined);
    }
  }

  async #read(opening: Promise<FileHandle>): Promise<Uint8Array | undefined> {
    const file = await opening;
    const buffer = new Uint8Array(Math.min(this.#left, READ_BYTES));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, this.#offset);
    this.#offset += bytesRead;
    // A file that shrank ends early: the size of the object then differs, and nothing is stored.
    this.#left = bytesRead === 0 ? 0 : this.#left - bytesRead;
    return bytesRead === 0 ? undefined : buffer.subarray(0, bytesRead);
  }
}
