/** A TCP proxy that cuts connections. It knows the frames of HTTP/2, so that it can lose exactly the response of a call. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

const HEADERS = 1;
const DATA = 0;

/** What happens to the bytes of the server. */
interface Faults {
  /** Number of responses to lose: the connection is cut when one begins. */
  responses: number;
  /** The connection is cut after this number of bytes of data, again and again. */
  dataBytes: number | undefined;
  /** Number of cuts after data. */
  cuts: number;
}

export class FaultProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #faults: Faults = { responses: 0, dataBytes: undefined, cuts: 0 };
  #mode: "forward" | "refuse" | "stall" = "forward";
  /** Number of connections that clients have opened. */
  connections = 0;

  private constructor(target: string) {
    const [host, port] = target.split(":");
    this.#server = createServer((client) => {
      this.connections++;
      this.#sockets.add(client);
      client.on("error", () => undefined);
      client.on("close", () => this.#sockets.delete(client));
      if (this.#mode === "refuse") {
        client.destroy();
        return;
      }
      const server = connect({ host: host ?? "", port: Number(port) });
      server.on("error", () => client.destroy());
      server.on("close", () => client.destroy());
      client.on("close", () => server.destroy());
      client.on("data", (bytes: Buffer) => this.#mode === "stall" || server.write(bytes));
      const watch = new FrameWatcher(this.#faults);
      server.on("data", (bytes: Buffer) => {
        if (this.#mode === "stall") {
          return;
        }
        if (watch.isCut(bytes)) {
          client.destroy();
          server.destroy();
        } else {
          client.write(bytes);
        }
      });
    });
  }

  /** Starts a proxy in front of the server at `target`. */
  static async start(target: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get address(): string {
    return `127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`;
  }

  /** Number of losses and cuts that did not happen yet. */
  get pending(): number {
    return this.#faults.responses + this.#faults.cuts;
  }

  /** Cuts the connection at the next responses, after the server has executed the calls. */
  loseResponses(count: number): void {
    this.#faults.responses = count;
  }

  /** Cuts each connection after this number of bytes of data, for `cuts` times. */
  cutAfter(dataBytes: number, cuts: number): void {
    Object.assign(this.#faults, { dataBytes, cuts });
  }

  /** Closes new connections at once, and cuts the open ones. */
  refuse(): void {
    this.#mode = "refuse";
    this.cut();
  }

  /** Forwards nothing any more. */
  stall(): void {
    this.#mode = "stall";
  }

  forward(): void {
    this.#mode = "forward";
  }

  /** Cuts the open connections. */
  cut(): void {
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }

  [Symbol.dispose](): void {
    this.#server.close();
    this.cut();
  }
}

/** Finds the frames in the bytes of a server. */
class FrameWatcher {
  readonly #faults: Faults;
  #header = Buffer.alloc(0);
  #left = 0;
  #type = 0;
  #dataBytes = 0;

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  /** Returns whether to cut the connection instead of forwarding these bytes. */
  isCut(bytes: Buffer): boolean {
    let rest = bytes;
    while (rest.length > 0) {
      if (this.#left === 0) {
        const missing = 9 - this.#header.length;
        this.#header = Buffer.concat([this.#header, rest.subarray(0, missing)]);
        rest = rest.subarray(missing);
        if (this.#header.length < 9) {
          return false;
        }
        this.#left = this.#header.readUIntBE(0, 3);
        this.#type = this.#header[3] ?? 0;
        this.#header = Buffer.alloc(0);
        if (this.#type === HEADERS && this.#faults.responses > 0) {
          this.#faults.responses--;
          return true;
        }
        continue;
      }
      const part = Math.min(this.#left, rest.length);
      this.#left -= part;
      rest = rest.subarray(part);
      this.#dataBytes += this.#type === DATA ? part : 0;
      const { dataBytes, cuts } = this.#faults;
      if (dataBytes !== undefined && cuts > 0 && this.#dataBytes > dataBytes) {
        this.#faults.cuts--;
        return true;
      }
    }
    return false;
  }
}
