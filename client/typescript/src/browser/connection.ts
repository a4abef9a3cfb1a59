import { createGrpcWebTransport } from "@connectrpc/connect-web";
import type { Connection } from "../call/caller.js";
import { headers } from "../call/headers.js";
import type { Endpoint } from "../endpoint.js";

/** Creates a connection by gRPC-Web. */
export function connect(endpoint: Endpoint, authorization: string | undefined): Connection {
  const transport = createGrpcWebTransport({
    baseUrl: endpoint.url,
    interceptors: [headers(authorization, "x-user-agent")],
  });
  return {
    transport,
    background: transport,
    server: endpoint.name,
    canStreamRequests: false,
    hint: "; check that a server listens there, and that its option --web-origin allows this page",
    close: () => undefined,
  };
}
