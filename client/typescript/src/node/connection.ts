import { connect as connectSocket } from "node:net";
import { type ClientSessionOptions, type SecureClientSessionOptions } from "node:http2";
import { createGrpcTransport } from "@connectrpc/connect-node";
import type { Connection } from "../call/caller.js";
import { headers, MAX_MESSAGE_BYTES } from "../call/headers.js";
import type { Endpoint } from "../endpoint.js";
import { WideSessionManager } from "./sessions.js";

/** Larger frames cost both sides less time. */
const FRAME_BYTES = 1 << 20;
const STREAM_WINDOW_BYTES = 16 << 20;
/** Twice the stream window: one stream cannot use all of it. */
const CONNECTION_WINDOW_BYTES = 32 << 20;
/**
 * Above its limit, by default 10 MB, Node.js drops new streams: their calls fail or never end. A few parallel uploads exceed it. The
 * windows and the number of streams limit the memory already.
 */
const SESSION_MEMORY_MB = 100_000;
/** A connection that dies silently is detected after both times. */
const PING_INTERVAL_MS = 30_000;
const PING_TIMEOUT_MS = 10_000;

/** Creates a connection by HTTP/2. The first call opens it. */
export function connect(endpoint: Endpoint, authorization: string | undefined, ca: string | undefined): Connection {
  const { url, socket, name } = endpoint;
  const options: ClientSessionOptions & SecureClientSessionOptions = {
    settings: { initialWindowSize: STREAM_WINDOW_BYTES, maxFrameSize: FRAME_BYTES, enablePush: false },
    maxSessionMemory: SESSION_MEMORY_MB,
    ...(ca === undefined ? {} : { ca }),
    ...(socket === undefined ? {} : { createConnection: () => connectSocket(socket) }),
  };
  const pings = { pingIntervalMs: PING_INTERVAL_MS, pingTimeoutMs: PING_TIMEOUT_MS };
  const sessionManager = new WideSessionManager(CONNECTION_WINDOW_BYTES, url, pings, options);
  const common = {
    baseUrl: url,
    readMaxBytes: MAX_MESSAGE_BYTES,
    // Objects are often compressed already, and the bytes of a read would pass through a slow stage.
    acceptCompression: [],
    interceptors: [headers(authorization, "user-agent")],
  };
  return {
    transport: createGrpcTransport({ ...common, sessionManager }),
    background: createGrpcTransport({ ...common, sessionManager: sessionManager.background }),
    server: name,
    canStreamRequests: true,
    hint: "; check that a server listens there",
    close: () => {
      sessionManager.abort();
    },
  };
}
