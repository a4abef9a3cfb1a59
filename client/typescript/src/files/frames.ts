import { concat, type SourceReader } from "./source.js";

/** A part of an upload, in order. */
export interface Frame {
  readonly data: Uint8Array;
  /** Whether this is the last frame. */
  readonly isLast: boolean;
}

/** Divides the pieces of a source into frames of a fixed size. The last frame is smaller, and may be empty. */
export class Frames {
  readonly #source: SourceReader;
  readonly #frameBytes: number;
  readonly #stallMs: number | undefined;
  /** Pieces that do not fill a frame yet. */
  #pieces: Uint8Array[] = [];
  #length = 0;
  /** Rest of the last piece, which may be longer than a frame. */
  #rest = new Uint8Array();
  #pending: Promise<Uint8Array | undefined> | undefined;

  /**
   * If the source yields nothing for `stallMs`, `next` returns the bytes so far as a smaller frame. Without it, waits for full frames.
   */
  constructor(source: SourceReader, frameBytes: number, stallMs?: number) {
    this.#source = source;
    this.#frameBytes = frameBytes;
    this.#stallMs = stallMs;
  }

  /** Returns the next frame. Must not be called after the last one. Its bytes are valid until the following call. */
  async next(): Promise<Frame> {
    for (;;) {
      this.#fill();
      if (this.#length === this.#frameBytes) {
        return this.#take(false);
      }
      // The source may reuse the memory of its last piece for the next one.
      this.#keep();
      this.#pending ??= this.#begin();
      const piece = this.#length > 0 ? await this.#withinStall(this.#pending) : await this.#pending;
      if (piece === STALLED) {
        return this.#take(false);
      }
      this.#pending = undefined;
      if (piece === undefined) {
        return this.#take(true);
      }
      this.#rest = piece as Uint8Array<ArrayBuffer>;
    }
  }

  /** Releases the source. */
  cancel(): void {
    this.#source.cancel();
  }

  #begin(): Promise<Uint8Array | undefined> {
    const pending = this.#source.next();
    // If the upload ends during a stall, nothing waits for this promise.
    pending.catch(() => undefined);
    return pending;
  }

  #fill(): void {
    const part = this.#rest.subarray(0, this.#frameBytes - this.#length);
    if (part.length > 0) {
      this.#pieces.push(part);
      this.#length += part.length;
      this.#rest = this.#rest.subarray(part.length);
    }
  }

  #keep(): void {
    const last = this.#pieces.pop();
    if (last !== undefined) {
      this.#pieces.push(last.slice());
    }
  }

  #take(isLast: boolean): Frame {
    const [first] = this.#pieces;
    const data = first !== undefined && this.#pieces.length === 1 ? first : concat(this.#pieces, this.#length);
    this.#pieces = [];
    this.#length = 0;
    return { data, isLast };
  }

  async #withinStall(piece: Promise<Uint8Array | undefined>): Promise<Uint8Array | undefined | typeof STALLED> {
    if (this.#stallMs === undefined) {
      return piece;
    }
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stalled = new Promise<typeof STALLED>((resolve) => {
      timer = setTimeout(resolve, this.#stallMs, STALLED);
    });
    try {
      return await Promise.race([piece, stalled]);
    } finally {
      clearTimeout(timer);
    }
  }
}

const STALLED = Symbol("stalled");
