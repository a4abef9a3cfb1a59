import { invalid } from "../errors/error.js";
import { RandomAccess } from "./random-access.js";

/**
 * Data that can be stored. Text is stored in UTF-8. A `stream.Readable` of Node.js is an async iterable. The items of streams and
 * iterables may have any size.
 */
export type Data =
  | string
  | ArrayBuffer
  | ArrayBufferView
  | Blob
  | RandomAccess
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array | string>
  | Iterable<Uint8Array>;

/** The bytes of an upload. */
export interface Source {
  /** Size in bytes, if it is known. */
  readonly sizeBytes: number | undefined;
  /** Whether `open` can be called again after a failed attempt. */
  readonly isRepeatable: boolean;
  open(): SourceReader;
}

/** Reads the bytes of a source, in pieces of any size. */
export interface SourceReader {
  /** Returns the next piece, or `undefined` at the end. */
  next(): Promise<Uint8Array | undefined>;
  /** Stops reading and releases the source, also while `next` waits for a piece. Called once, also after the end. */
  cancel(): void;
}

/** Returns the source for data of a caller. */
export function sourceOf(data: Data): Source {
  if (typeof data === "string") {
    return bytesSource(new TextEncoder().encode(data));
  }
  if (data instanceof ArrayBuffer) {
    return bytesSource(new Uint8Array(data));
  }
  if (ArrayBuffer.isView(data)) {
    return bytesSource(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  if (data instanceof Blob) {
    return { sizeBytes: data.size, isRepeatable: true, open: () => streamReader(data.stream()) };
  }
  if (data instanceof RandomAccess) {
    return wholeSource(data);
  }
  if (data instanceof ReadableStream) {
    return { sizeBytes: undefined, isRepeatable: false, open: () => streamReader(data) };
  }
  if (isIterable(data)) {
    return { sizeBytes: undefined, isRepeatable: false, open: () => iterableReader(data) };
  }
  throw invalid(
    `cannot store a value of type ${typeof data}: pass text, bytes, a Blob, a stream or an iterable of bytes`,
  );
}

export function bytesSource(bytes: Uint8Array): Source {
  const open = (): SourceReader => {
    let rest: Uint8Array | undefined = bytes;
    return {
      next: () => {
        const piece = rest;
        rest = undefined;
        return Promise.resolve(piece);
      },
      cancel: () => undefined,
    };
  };
  return { sizeBytes: bytes.length, isRepeatable: true, open };
}

/** Returns the source for a part of data. */
export function partSource(data: RandomAccess, offset: number, length: number): Source {
  return { sizeBytes: length, isRepeatable: true, open: () => data.open(offset, length) };
}

/** Returns the source for all of the data. It fails before its end if the data changed, so that no mixture of versions is stored. */
function wholeSource(data: RandomAccess): Source {
  const open = (): SourceReader => {
    const reader = data.open(0, data.sizeBytes);
    return {
      async next() {
        const piece = await reader.next();
        if (piece === undefined) {
          await data.checkUnchanged();
        }
        return piece;
      },
      cancel() {
        reader.cancel();
      },
    };
  };
  return { sizeBytes: data.sizeBytes, isRepeatable: true, open };
}

/** Concatenates pieces with a total of `length` bytes. */
export function concat(pieces: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

type Pieces = AsyncIterable<Uint8Array | string> | Iterable<Uint8Array>;

// Programs without types can pass any value.
function isIterable(data: unknown): data is Pieces {
  return typeof data === "object" && data !== null && (Symbol.asyncIterator in data || Symbol.iterator in data);
}

function iterableReader(data: Pieces): SourceReader {
  const iterator = Symbol.asyncIterator in data ? data[Symbol.asyncIterator]() : data[Symbol.iterator]();
  return {
    async next() {
      const next = await iterator.next();
      return next.done === true ? undefined : bytesOf(next.value);
    },
    cancel() {
      // A stream of Node.js that waits for bytes only ends if it is destroyed.
      if (isDestroyable(data)) {
        data.destroy();
      } else {
        void ignoreErrors(iterator.return?.());
      }
    },
  };
}

function isDestroyable(data: object): data is { destroy(): void } {
  return "destroy" in data && typeof data.destroy === "function";
}

/** Returns the bytes of a piece of data. */
export function bytesOf(piece: unknown): Uint8Array {
  if (typeof piece === "string") {
    return new TextEncoder().encode(piece);
  }
  if (piece instanceof Uint8Array) {
    return piece;
  }
  throw invalid("a stream or an iterable of data must yield Uint8Array or text");
}

/** Returns a reader of a Web stream. */
export function streamReader(stream: ReadableStream<Uint8Array>): SourceReader {
  const reader = stream.getReader();
  return {
    async next() {
      const next = await reader.read();
      return next.done ? undefined : bytesOf(next.value);
    },
    cancel() {
      void ignoreErrors(reader.cancel());
    },
  };
}

/** Ignores errors at the end of a source. An earlier error is already known, and the bytes are no longer needed. */
async function ignoreErrors(ending: unknown): Promise<void> {
  try {
    await ending;
  } catch {
    // See above.
  }
}
