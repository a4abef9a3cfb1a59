import { BaseClient } from "../client.js";
import { authorizationOf, type Credentials } from "../credentials.js";
import { parseEndpoint } from "../endpoint.js";
import { invalid } from "../errors/error.js";
import { connect } from "./connection.js";

/** Options of a client. */
export interface ClientOptions {
  /**
   * URL of the server: `https://HOST[:443]` or `http://HOST[:80]`, such as `location.origin`; also `grpcs://HOST[:443]` and
   * `grpc://HOST[:50051]`. The server must allow the origin of the page: see its option `--web-origin`.
   */
  readonly endpoint: string;
  /** Credentials of a lakeFS user. Default: none. */
  readonly credentials?: Credentials | undefined;
  /** Default timeout of calls in milliseconds; see {@link CallOptions.timeoutMs}. Default: 60 s. */
  readonly timeoutMs?: number | undefined;
}

/** A client of one server. Its calls may run concurrently. */
export class Client extends BaseClient {
  /** Sends no request. Throws an {@link InvalidArgumentError} if the options are invalid. */
  constructor({ endpoint, credentials, timeoutMs = 60_000 }: ClientOptions) {
    // A page can also pass `location.origin`, which omits the default ports.
    const parsed = parseEndpoint(endpoint, "the endpoint", "80");
    if (parsed.socket !== undefined) {
      throw invalid("a browser cannot connect to a Unix socket: use https://HOST or http://HOST");
    }
    super(connect(parsed, credentials && authorizationOf(credentials)), timeoutMs);
  }
}
