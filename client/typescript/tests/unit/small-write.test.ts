import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import { Caller } from "../../src/call/caller.js";
import { DeadlineExceededError } from "../../src/errors/error.js";
import { MAX_SMALL_BYTES, smallWrite } from "../../src/files/small-write.js";
import { FileService } from "../../src/gen/lakeport/v1/files_pb.js";

/** Returns a caller without request streams, like that of a browser, whose writes do not end. */
function hangingCaller(timeoutMs: number): { caller: Caller; arrived: Promise<void> } {
  let arrive = (): void => undefined;
  const arrived = new Promise<void>((resolve) => (arrive = resolve));
  const transport = createRouterTransport(({ rpc }) => {
    rpc(FileService.method.batchWrite, (_, { signal }) => {
      arrive();
      return new Promise<never>((_, reject) => {
        signal.addEventListener("abort", () => {
          reject(new ConnectError("aborted", Code.Canceled));
        });
      });
    });
  });
  const connection = { transport, background: transport, server: "s", hint: "", close: () => undefined };
  return { caller: new Caller({ ...connection, canStreamRequests: false }, timeoutMs), arrived };
}

test("the timeout of a message grows with its size", async () => {
  // 336 s for the largest message: a third of 32 KiB/s.
  for (const [size, timeoutMs] of [
    [0, 1000],
    [32 << 10, 4000],
    [MAX_SMALL_BYTES, 337_000],
  ] as const) {
    const { caller, arrived } = hangingCaller(1000);
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      const errors: unknown[] = [];
      const write = smallWrite(caller, { path: "a" }, new Uint8Array(size), {}).catch((error: unknown) => {
        errors.push(error);
      });
      await arrived;
      mock.timers.tick(timeoutMs - 100);
      await setImmediate();
      assert.equal(errors.length, 0, `${String(size)} bytes ended early`);
      mock.timers.tick(100);
      await write;
      assert(errors[0] instanceof DeadlineExceededError, String(errors[0]));
    } finally {
      mock.timers.reset();
    }
  }
});
