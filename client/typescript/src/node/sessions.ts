import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from "node:http2";
import { Http2SessionManager } from "@connectrpc/connect-node";

type Request = Parameters<Http2SessionManager["request"]>;

/**
 * Manages HTTP/2 connections with a large flow-control window, and with requests that do not keep the process running.
 *
 * Node.js lets a server send only 64 KiB on a connection before it must wait for the client. At a round-trip time of 20 ms, this
 * limits all reads of a connection together to 3 MiB/s. The settings of a session only change the windows of streams, and
 * connect-node does not show its sessions. But each stream of a request knows its session.
 */
export class WideSessionManager extends Http2SessionManager {
  readonly #windowBytes: number;
  readonly #widened = new WeakSet<ClientHttp2Session>();
  /** Numbers of open streams that keep the process running. */
  readonly #foreground = new WeakMap<ClientHttp2Session, number>();
  /** Sends requests in the background on the same connections. */
  readonly background: Pick<Http2SessionManager, "authority" | "request" | "notifyResponseByteRead">;

  constructor(windowBytes: number, ...options: ConstructorParameters<typeof Http2SessionManager>) {
    super(...options);
    this.#windowBytes = windowBytes;
    this.background = {
      authority: this.authority,
      request: async (...request: Request) => {
        const stream = await this.#open(request);
        this.#count(stream, 0);
        return stream;
      },
      notifyResponseByteRead: (stream) => {
        this.notifyResponseByteRead(stream);
      },
    };
  }

  override async request(...request: Request): Promise<ClientHttp2Stream> {
    const stream = await this.#open(request);
    this.#count(stream, 1);
    return stream;
  }

  /** Counts a stream, if it is in the foreground. The base class keeps the process running for every stream. */
  #count(stream: ClientHttp2Stream, count: 0 | 1): void {
    const session = stream.session as ClientHttp2Session | undefined;
    if (session === undefined) {
      return;
    }
    const change = (by: number) => {
      const streams = (this.#foreground.get(session) ?? 0) + by;
      this.#foreground.set(session, streams);
      if (streams > 0) {
        session.ref();
      } else {
        session.unref();
      }
    };
    change(count);
    stream.once("close", () => {
      change(-count);
    });
  }

  async #open(request: Request): Promise<ClientHttp2Stream> {
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
