/** Maximum number of items of a batch. */
const MAX_ITEMS = 10_000;
/** Maximum size of a request with paths. The server accepts 4,128,768 bytes. */
const MAX_PATHS_BYTES = 3 << 20;
/** Bytes of a message for each path, besides the path: a tag and a length. */
const PATH_OVERHEAD = 4;

const encoder = new TextEncoder();

/** Returns the size of a text in UTF-8. */
export function byteLength(text: string): number {
  return encoder.encode(text).length;
}

/** Divides items so that neither the number nor the total weight of a part exceeds its limit. A heavy item is alone in its part. */
export function* splitByWeight<T>(
  items: Iterable<T>,
  weight: (item: T) => number,
  maxWeight: number,
): Generator<T[], void, undefined> {
  let part: T[] = [];
  let total = 0;
  for (const item of items) {
    const added = weight(item);
    if (part.length > 0 && (part.length === MAX_ITEMS || total + added > maxWeight)) {
      yield part;
      part = [];
      total = 0;
    }
    part.push(item);
    total += added;
  }
  if (part.length > 0) {
    yield part;
  }
}

/** Divides paths into requests. */
export function splitPaths(paths: Iterable<string>): Generator<string[], void, undefined> {
  return splitByWeight(paths, (path) => byteLength(path) + PATH_OVERHEAD, MAX_PATHS_BYTES);
}
