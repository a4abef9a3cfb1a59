import assert from "node:assert/strict";
import { test } from "node:test";
import { PathChange_Kind } from "./gen/lakeport/v1/changes_pb.js";
import { TransactionState } from "./gen/lakeport/v1/transactions_pb.js";
import { all, begin, commitBranch, write } from "./calls.js";
import { connect } from "./server.js";

test("changes of a transaction are PathChanges", async () => {
  const server = await connect();
  await write(server, { ref: "main" }, "removed", "removed");
  await commitBranch(server, "main");
  const transactionId = await begin(server);
  await write(server, { transactionId }, "added", "added");
  await all(server.files.delete({ transactionId, path: "removed" }));
  const messages = await all(server.transactions.listTransactionChanges({ transactionId }));
  assert.deepEqual(
    messages.flatMap(({ changes }) => changes).map(({ path, kind, sizeBytes }) => [path, kind, sizeBytes]),
    [
      ["added", PathChange_Kind.ADDED, 5n],
      ["removed", PathChange_Kind.REMOVED, 7n],
    ],
  );
});

test("a commit without a merge leaves a branch", async () => {
  const server = await connect();
  const transactionId = await begin(server);
  await write(server, { transactionId }, "a", "a");
  const { transaction } = await server.transactions.commitTransaction({ transactionId, skipMerge: true });
  assert.equal(transaction?.state, TransactionState.COMMITTED);
  assert.equal(transaction.merged, false);
  const { branch } = await server.versions.getBranch({ repository: server.repository, branch: transaction.branch });
  assert.equal(branch?.name, transaction.branch);
  assert.equal(branch.commitId, transaction.commitId);
});
