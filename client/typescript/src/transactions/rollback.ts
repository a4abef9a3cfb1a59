import type { Caller } from "../call/caller.js";
import { TransactionService } from "../gen/lakeport/v1/transactions_pb.js";
import { sleep } from "../sleep.js";

/** Maximum time for the rollback. After it, the transaction expires by itself. */
const ROLLBACK_MS = 30_000;

/**
 * Rolls back a transaction. Ignores errors, because it expires otherwise. Waits at most for `maxWaitMs`; the rollback continues after
 * it.
 */
export async function rollBack(caller: Caller, transactionId: string, maxWaitMs = ROLLBACK_MS): Promise<void> {
  const { rollbackTransaction } = TransactionService.method;
  const call = caller.unary(rollbackTransaction, { transactionId }, { timeoutMs: ROLLBACK_MS });
  const waiting = new AbortController();
  const stop = () => {
    waiting.abort();
  };
  call.then(stop, stop);
  await sleep(maxWaitMs, waiting.signal);
}
