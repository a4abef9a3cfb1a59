/** Comparison of results with the expected values. */
import { type Content, content } from "./content.js";

/** Result of an operation, or a part of it. */
export type Found =
  string | number | boolean | null | undefined | Uint8Array | readonly Found[] | { readonly [name: string]: Found };

/** Result of an operation. */
export type Result = Readonly<Record<string, Found>>;

/** Expected value, as a scenario describes it. */
export type Expected =
  string | number | boolean | null | readonly Expected[] | { readonly [name: string]: Expected | undefined };

/** Returns how a result differs from the expected one, or `undefined`. */
export function difference(expected: Expected, found: Found, at: string): string | undefined {
  if (found instanceof Uint8Array) {
    return otherBytes(content(expected as Content), found, at);
  }
  if (isList(expected)) {
    return isList(found) && found.length === expected.length
      ? firstOf(expected, (item, index) => difference(item, found[index], `${at}[${String(index)}]`))
      : unequal(expected, found, at);
  }
  if (typeof expected === "object" && expected !== null) {
    return otherObject(expected, found, at);
  }
  return expected === found ? undefined : unequal(expected, found, at);
}

type Fields = Readonly<Record<string, Expected | undefined>>;

function otherObject(expected: Fields, found: Found, at: string): string | undefined {
  const unless = (isEqual: boolean) => (isEqual ? undefined : unequal(expected, found, at));
  const { any, has, count, each, only } = Object.keys(expected).length === 1 ? expected : {};
  if (any === true) {
    return unless(!isEmpty(found));
  }
  if (only !== undefined) {
    return unless(hasSameFields(only, found) && difference(only, found, at) === undefined);
  }
  if (typeof has === "string") {
    return unless(typeof found === "string" && found.includes(has));
  }
  if (isList(found)) {
    return each === undefined
      ? unless(found.length === count)
      : firstOf(found, (item, index) => difference(each, item, `${at}[${String(index)}]`));
  }
  if (typeof found !== "object" || found === null) {
    return unless(false);
  }
  const fields = found as Readonly<Record<string, Found>>;
  return firstOf(Object.entries(expected), ([name, wanted]) =>
    difference(wanted ?? null, fields[name], `${at}.${name}`),
  );
}

function hasSameFields(expected: Expected, found: Found): boolean {
  const names = (value: unknown) =>
    Object.keys(value ?? {})
      .sort()
      .join();
  return names(expected) === names(found);
}

function otherBytes(expected: Uint8Array, found: Uint8Array, at: string): string | undefined {
  let first = 0;
  while (first < expected.length && expected[first] === found[first]) {
    first++;
  }
  if (first === expected.length && first === found.length) {
    return undefined;
  }
  return `${at} has ${String(found.length)} bytes, not ${String(expected.length)}, and differs at offset ${String(first)}`;
}

function isEmpty(found: Found): boolean {
  if (typeof found === "object" && found !== null) {
    return Object.keys(found).length === 0;
  }
  return found === undefined || found === null || found === "";
}

// `Array.isArray` does not narrow readonly arrays.
function isList(value: Expected): value is readonly Expected[];
function isList(value: Found): value is readonly Found[];
function isList(value: unknown): boolean {
  return Array.isArray(value);
}

function firstOf<T>(items: readonly T[], compare: (item: T, index: number) => string | undefined): string | undefined {
  for (const [index, item] of items.entries()) {
    const found = compare(item, index);
    if (found !== undefined) {
      return found;
    }
  }
  return undefined;
}

function unequal(expected: Expected, found: Found, at: string): string {
  return `${at} is ${shown(found)}, not ${shown(expected)}`;
}

/** Shows at most 300 characters of a value. */
export function shown(value: unknown): string {
  const short = (_: string, part: unknown) => (part instanceof Uint8Array ? `${String(part.length)} bytes` : part);
  // A missing field has no text in JSON.
  return JSON.stringify(value ?? null, short).slice(0, 300);
}
