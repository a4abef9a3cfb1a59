import { invalid, type LakeportError } from "./errors/error.js";

/** Address of a server. */
export interface Endpoint {
  /** Base URL with the scheme `http` or `https`. */
  readonly url: string;
  /** Path of a Unix socket, if that is the address. */
  readonly socket?: string;
  /** Name of the server for messages. */
  readonly name: string;
}

const SCHEMES: Record<string, "http" | "https"> = { grpc: "http", http: "http", grpcs: "https", https: "https" };

/**
 * Parses the URL of a server. `source` says where it comes from. `httpPort` is the default port of the scheme `http`.
 *
 * @internal
 */
export function parseEndpoint(text: string, source: string, httpPort: string): Endpoint {
  const bad = (why: string): LakeportError =>
    invalid(`${source} ${JSON.stringify(redacted(text))} is not the URL of a lakeport server: ${why}`);
  if (text.startsWith("unix:")) {
    return socketEndpoint(text.slice("unix:".length), bad);
  }
  const [, scheme = "", rest = ""] = /^([A-Za-z]+):\/\/(.*)$/.exec(text) ?? [];
  const http = SCHEMES[scheme.toLowerCase()];
  if (http === undefined) {
    throw bad("its scheme must be grpc, grpcs, http, https or unix, such as grpc://127.0.0.1:50051");
  }
  const authority = rest.replace(/\/+$/, "");
  if (authority === "") {
    throw bad("it has no host");
  }
  if (authority.includes("@")) {
    throw bad("pass the credentials as an option, not in the URL");
  }
  if (/[/?#\s]/.test(authority)) {
    throw bad("only a host and a port may follow the scheme");
  }
  return networkEndpoint(scheme.toLowerCase(), http, authority, httpPort, bad);
}

function networkEndpoint(
  scheme: string,
  http: "http" | "https",
  authority: string,
  httpPort: string,
  bad: (why: string) => LakeportError,
): Endpoint {
  const [, host = "", given] = /^(.*?)(?::(\d*))?$/.exec(authority) ?? [];
  const port = given ?? (http === "https" ? "443" : scheme === "grpc" ? "50051" : httpPort);
  if (!(Number(port) > 0 && Number(port) < 65536)) {
    throw bad("its port must be a number from 1 to 65535");
  }
  const url = `${http}://${host}:${port}`;
  if (host === "" || !URL.canParse(url)) {
    throw bad("expected grpc://HOST:PORT, or grpcs:// for TLS");
  }
  return {
    url: new URL(url).origin,
    name: `the lakeport server at ${http === "https" ? "grpcs" : "grpc"}://${host}:${port}`,
  };
}

function socketEndpoint(given: string, bad: (why: string) => LakeportError): Endpoint {
  const path = given.replace(/^\/\/(?=\/)/, "");
  if (!/^\/./.test(path)) {
    throw bad("the path of a Unix socket must be absolute");
  }
  // The host is only the value of the header `:authority`.
  return { url: "http://localhost", socket: path, name: `the lakeport server at unix:${path}` };
}

/** Removes the part before the host, which may be a secret. */
function redacted(text: string): string {
  const at = text.lastIndexOf("@");
  return at < 0 ? text : `…${text.slice(at)}`;
}
