import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from "node:http2";
import { Http2SessionManager } from "@connectrpc/connect-node";

/**
 * Manages HTTP/2 connections with a large flow-control window.
 *
 * Node.js lets a server send only 64 KiB on a connection before it must wait for the client. At a round-trip time of 20 ms, this
 * limits all reads of a connection together to 3 MiB/s. The settings of a session only change the windows of streams, and
 * connect-node does not show its sessions. But each stream of a request knows its session.
 */
export class WideSessionManager extends Http2SessionManager {
  readonly #windowBytes: number;
  readonly #widened = new WeakSet<ClientHttp2Session>();

  constructor(windowBytes: number, ...options: ConstructorParameters<typeof Http2SessionManager>) {
    super(...options);
    this.#windowBytes = windowBytes;
  }

  override async request(...request: Parameters<Http2SessionManager["request"]>): Promise<ClientHttp2Stream> {
    const stream = await super.request(...request);
    const session = stream.session as ClientHttp2Session | undefined;
    if (session !== undefined && !this.#widened.has(session)) {
      this.#widened.add(session);
      session.setLocalWindowSize(this.#windowBytes);
    }
    stream.once("response", endRefusedStream);
    return stream;
  }
}

/**
 * Lets the stream of a refused call end. The error is in the headers, and there is no body. connect-node does not read it, and without a
 * reader Node.js keeps the stream, with the bytes of an upload, until the connection ends.
 */
function endRefusedStream(this: ClientHttp2Stream, headers: IncomingHttpHeaders): void {
  if (headers["grpc-status"] !== undefined) {
    this.resume();
  }
}
