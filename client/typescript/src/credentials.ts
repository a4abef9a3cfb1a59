import { invalid } from "./errors/error.js";

/** A key pair of lakeFS. */
export interface KeyPair {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** A token that lakeFS or an operator issued. */
export interface Token {
  readonly token: string;
}

/** Credentials of a lakeFS user. */
export type Credentials = KeyPair | Token;

/**
 * Returns the value of the `authorization` header. Errors never contain the credentials.
 *
 * @internal
 */
export function authorizationOf(credentials: Credentials): string {
  if ("token" in credentials) {
    if (!isHeaderText(credentials.token)) {
      throw invalid("the token is empty or contains characters that are not allowed in a header");
    }
    return `Bearer ${credentials.token}`;
  }
  const { accessKeyId, secretAccessKey } = credentials as Partial<KeyPair>;
  if (!accessKeyId || !secretAccessKey) {
    throw invalid("incomplete credentials: pass accessKeyId and secretAccessKey, or token");
  }
  return `Basic ${base64(new TextEncoder().encode(`${accessKeyId}:${secretAccessKey}`))}`;
}

function isHeaderText(text: unknown): boolean {
  return typeof text === "string" && /^[\x21-\x7e]+$/.test(text);
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
