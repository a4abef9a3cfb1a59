/** Assertions that also work in browsers. */
import { LakeportError, type StatusCode } from "lakeport/browser";

export function ok(condition: boolean, message: string): asserts condition {
  if (!condition) {
    throw new Error(message);
  }
}

/** Compares values by their contents. */
export function equal(actual: unknown, expected: unknown, what = "value"): void {
  const [one, other] = [text(actual), text(expected)];
  ok(one === other, `${what}: expected ${other}, got ${one}`);
}

/** Returns the error with which a call fails, after checking its code and, if it is given, its reason. */
export async function failure(call: Promise<unknown>, code: StatusCode, reason?: string): Promise<LakeportError> {
  const error = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  ok(error !== undefined, `the call succeeded, but should fail with ${code}`);
  ok(error instanceof LakeportError, `another error: ${JSON.stringify(error)}`);
  equal([error.code, error.reason], [code, reason ?? error.reason], error.message);
  return error;
}

/** Returns the items of an iteration. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) {
    found.push(item);
  }
  return found;
}

export function bytes(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(length);
  let value = seed;
  for (let index = 0; index < length; index++) {
    value = (value * 1103515245 + 12345) & 0x7fffffff;
    data[index] = value >>> 16;
  }
  return data;
}

export function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

function text(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    part instanceof Uint8Array ? `bytes ${Array.from(part.subarray(0, 64)).join(",")} (${String(part.length)})` : part,
  );
}
