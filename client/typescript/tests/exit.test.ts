/** Programs that end without closing their client. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { TransactionState } from "lakeport/v1";
import { FakeServer } from "./support/fake-server.js";

/** Time after which the client cancels a keep-alive call of the program. */
const TIMEOUT_MS = 10_000 / 9;

test("a keep-alive call does not keep the process running", { timeout: 30_000 }, async () => {
  let arrive = (): void => undefined;
  const arrival = new Promise<void>((resolve) => (arrive = resolve));
  using server = await FakeServer.start({
    transactions: {
      beginTransaction: () => ({ transaction: { transactionId: "t", state: TransactionState.OPEN } }),
      keepAliveTransaction: () => {
        arrive();
        return new Promise<never>(() => undefined);
      },
    },
  });
  const path = fileURLToPath(new URL("support/unfinished-transaction.js", import.meta.url));
  const program = spawn(process.execPath, [path, `grpc://${server.address}`], {
    stdio: ["pipe", "inherit", "inherit"],
  });
  const exited = once(program, "exit");
  await arrival;
  const begin = performance.now();
  program.stdin.end();
  const [status] = (await exited) as [number | null];
  const took = performance.now() - begin;
  assert.equal(status, 0);
  assert(took < TIMEOUT_MS - 300, `the process ended after ${took.toFixed()} ms`);
});
