import { readFileSync } from "node:fs";
import { BaseClient } from "../client.js";
import { authorizationOf, type Credentials } from "../credentials.js";
import { type Endpoint, parseEndpoint } from "../endpoint.js";
import { invalid } from "../errors/error.js";
import { connect } from "./connection.js";
import { lakectlCredentials } from "./lakectl.js";

/** Options of a client. */
export interface ClientOptions {
  /**
   * URL of the server: `grpc://HOST[:50051]` or `http://HOST[:50051]` without TLS, `grpcs://HOST[:443]` or `https://HOST[:443]` with TLS,
   * or `unix:/PATH`. Default: the environment variable `LAKEPORT_ENDPOINT`.
   */
  readonly endpoint?: string | undefined;
  /**
   * Credentials of a lakeFS user. `null`: none. Default: the environment variables `LAKECTL_CREDENTIALS_ACCESS_KEY_ID` and
   * `LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY`, else lakectl's configuration file (`LAKECTL_CONFIG_FILE`, else `~/.lakectl.yaml`), else
   * none.
   */
  readonly credentials?: Credentials | null | undefined;
  /** File with CA certificates in PEM format, which replace those of Node.js. */
  readonly caFile?: string | undefined;
  /** Default timeout of calls in milliseconds; see {@link CallOptions.timeoutMs}. Default: 60 s. */
  readonly timeoutMs?: number | undefined;
}

const ENDPOINT = "LAKEPORT_ENDPOINT";

/** A client of one server. Its calls may run concurrently. The first call opens the connection, which does not use a proxy. */
export class Client extends BaseClient {
  /** Sends no request. Throws an {@link InvalidArgumentError} if the options or the environment are invalid. */
  constructor(options: ClientOptions = {}) {
    const { credentials, caFile, timeoutMs = 60_000 } = options;
    const endpoint = findEndpoint(options.endpoint);
    const found = credentials === undefined ? lakectlCredentials() : (credentials ?? undefined);
    super(connect(endpoint, found && authorizationOf(found), caFile && readCa(caFile)), timeoutMs);
  }
}

function findEndpoint(given: string | undefined): Endpoint {
  if (given !== undefined) {
    return parseEndpoint(given, "the endpoint", "50051");
  }
  const found = process.env[ENDPOINT];
  if (!found) {
    throw invalid(
      `no lakeport server is configured: pass an endpoint such as grpc://127.0.0.1:50051, or set ${ENDPOINT}`,
    );
  }
  return parseEndpoint(found, ENDPOINT, "50051");
}

function readCa(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw invalid(`cannot read the CA certificates in ${path}`, { cause: error });
  }
}
