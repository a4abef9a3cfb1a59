import type { Interceptor } from "@connectrpc/connect";

/** Name and version of this client. */
const AGENT = "lakeport-typescript/0.1.0";

/** Maximum size of a received message. The server sends at most 4 MiB by default. */
export const MAX_MESSAGE_BYTES = 8 << 20;

/** Adds the credentials and the name of the client to each call. Credentials are sent on plaintext connections too. */
export function headers(authorization: string | undefined, agentHeader: string): Interceptor {
  return (next) => (request) => {
    request.header.set(agentHeader, AGENT);
    if (authorization !== undefined) {
      request.header.set("authorization", authorization);
    }
    return next(request);
  };
}
