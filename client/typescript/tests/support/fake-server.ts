/** A server whose services are functions of a test. */
import { createServer, type Http2Server, type IncomingHttpHeaders } from "node:http2";
import type { AddressInfo } from "node:net";
import type { DescMessage, DescService, MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { ErrorInfoSchema, RetryInfoSchema } from "../../src/gen/google/rpc/error_details_pb.js";
import { FileService, TransactionService, VersionService } from "lakeport/v1";

export interface FakeServices {
  readonly files?: Partial<ServiceImpl<typeof FileService>>;
  readonly transactions?: Partial<ServiceImpl<typeof TransactionService>>;
  readonly versions?: Partial<ServiceImpl<typeof VersionService>>;
}

export class FakeServer {
  readonly #server: Http2Server;
  /** Headers of the last call. */
  headers: IncomingHttpHeaders = {};

  private constructor(services: FakeServices) {
    const handler = connectNodeAdapter({
      grpcWeb: false,
      connect: false,
      routes: (router) => {
        const add = <S extends DescService>(service: S, found?: Partial<ServiceImpl<S>>) =>
          found && router.service(service, found);
        add(FileService, services.files);
        add(TransactionService, services.transactions);
        add(VersionService, services.versions);
      },
    });
    this.#server = createServer((request, response) => {
      this.headers = request.headers;
      handler(request, response);
    });
  }

  static async start(services: FakeServices): Promise<FakeServer> {
    const fake = new FakeServer(services);
    await new Promise<void>((resolve) => fake.#server.listen(0, "127.0.0.1", resolve));
    return fake;
  }

  get address(): string {
    return `127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`;
  }

  [Symbol.dispose](): void {
    this.#server.close();
  }
}

/** Returns an error as lakeport sends it. */
export function fail(code: Code, reason: string, retryDelayMs?: number, domain = "lakeport.dev"): ConnectError {
  const details: { desc: DescMessage; value: MessageInitShape<DescMessage> }[] = [
    { desc: ErrorInfoSchema, value: { reason, domain, metadata: { key: "value" } } },
  ];
  if (retryDelayMs !== undefined) {
    const retryDelay = { seconds: BigInt(Math.floor(retryDelayMs / 1000)), nanos: (retryDelayMs % 1000) * 1e6 };
    details.push({ desc: RetryInfoSchema, value: { retryDelay } });
  }
  return new ConnectError(`the test fails with ${reason}`, code, undefined, details);
}

/** Returns a function that throws each of these errors once, and counts its calls. */
export function failing(...errors: ConnectError[]): { (): void; calls: number } {
  const left = [...errors];
  const next = () => {
    next.calls++;
    const error = left.shift();
    if (error !== undefined) {
      throw error;
    }
  };
  next.calls = 0;
  return next;
}
