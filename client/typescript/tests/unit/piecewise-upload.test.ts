import assert from "node:assert/strict";
import { test } from "node:test";
import { createRouterTransport, type HandlerContext, type Transport } from "@connectrpc/connect";
import { Caller } from "../../src/call/caller.js";
import { CanceledError } from "../../src/errors/error.js";
import { MAX_SMALL_BYTES } from "../../src/files/small-write.js";
import { bytesSource } from "../../src/files/source.js";
import { storeObject } from "../../src/files/store.js";
import { FileService } from "../../src/gen/lakeport/v1/files_pb.js";
import { TransactionService, TransactionState } from "../../src/gen/lakeport/v1/transactions_pb.js";

/** Responds only when the client has cancelled the call. */
function hang({ signal }: HandlerContext): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => {
      reject(new Error("cancelled"));
    });
  });
}

/** Returns a caller of a server with these services, as in a browser. */
function callerOf(router: Transport): Caller {
  // Without deadlines: a handler of Connect keeps the timer of its deadline, and so the process running.
  const transport: Transport = {
    stream: (...call) => router.stream(...call),
    unary: (method, signal, _, ...call) => router.unary(method, signal, undefined, ...call),
  };
  const connection = { transport, background: transport, server: "s", hint: "", close: () => undefined };
  return new Caller({ ...connection, canStreamRequests: false }, 60_000);
}

const HEADER = { repository: "r", ref: "main", path: "a" };

test("a cancelled upload in pieces ends soon, also if the server does not delete the pieces", async () => {
  const cancelling = new AbortController();
  let rollbacks = 0;
  const router = createRouterTransport(({ service }) => {
    service(TransactionService, {
      beginTransaction: () => ({ transaction: { transactionId: "t", state: TransactionState.OPEN } }),
      rollbackTransaction: (_, context) => {
        rollbacks++;
        return hang(context);
      },
    });
    service(FileService, {
      batchWrite: (_, context) => {
        cancelling.abort();
        return hang(context);
      },
    });
  });
  const caller = callerOf(router);
  const begin = performance.now();
  const source = bytesSource(new Uint8Array(MAX_SMALL_BYTES + 1));
  await assert.rejects(storeObject(caller, HEADER, source, { signal: cancelling.signal }), CanceledError);
  const took = performance.now() - begin;
  assert(took < 5000, `took ${took.toFixed()} ms`);
  assert.equal(rollbacks, 1);
  caller.close();
});

test("a transaction that the server begins after the upload was cancelled is rolled back", async () => {
  const cancelling = new AbortController();
  const begun: string[] = [];
  const rolledBack = new Promise<string>((resolve) => {
    const router = createRouterTransport(({ service }) => {
      service(TransactionService, {
        beginTransaction: async ({ transactionId }) => {
          cancelling.abort();
          await new Promise((begin) => setTimeout(begin, 50));
          begun.push(transactionId);
          return { transaction: { transactionId, state: TransactionState.OPEN } };
        },
        rollbackTransaction: ({ transactionId }) => {
          assert.deepEqual(begun, [transactionId], "the rollback came before the transaction began");
          resolve(transactionId);
          return { transaction: { transactionId, state: TransactionState.ROLLED_BACK } };
        },
      });
    });
    const source = bytesSource(new Uint8Array(MAX_SMALL_BYTES + 1));
    const storing = storeObject(callerOf(router), HEADER, source, { signal: cancelling.signal });
    void assert.rejects(storing, CanceledError);
  });
  assert.deepEqual([await rolledBack], begun);
});
