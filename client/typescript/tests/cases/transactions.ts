import { ConflictError } from "lakeport/browser";
import { all, equal, failure, ok } from "../support/check.js";
import type { Case } from "./case.js";

export const transactionCases: Case[] = [
  {
    name: "a scope commits at its end",
    async run({ client, repository }) {
      const id = await client.transaction(
        repository,
        "main",
        async (tx) => {
          await tx.write("a", "1");
          equal(await client.files(repository, "main").exists("a"), false);
          equal(await all(tx.changes()), [{ path: "a", kind: "added", sizeBytes: 1 }]);
          equal(await client.filesOfTransaction(tx.id).readText("a"), "1");
          return tx.id;
        },
        { commit: { message: "one", metadata: { job: "test" }, tags: ["v1"] }, labels: { job: "test" } },
      );
      const { info } = await client.getTransaction(id);
      equal([info.state, info.merged, info.labels], ["committed", true, { job: "test" }]);
      equal(await client.files(repository, "v1").readText("a"), "1");
      const commit = await client.versions.getCommit(repository, "v1");
      equal([commit.commitId, commit.message, commit.metadata["job"]], [info.commitId, "one", "test"]);
      const [listed] = await all(client.transactions({ repository, labels: { job: "test" }, states: ["committed"] }));
      equal(listed?.transactionId, id);
    },
  },
  {
    name: "a scope rolls back and keeps the original error",
    async run({ client, repository }) {
      let id = "";
      const scope = client.transaction(repository, "main", async (tx) => {
        id = tx.id;
        await tx.write("a", "1");
        throw new RangeError("original");
      });
      const error = await scope.catch((error: unknown) => error);
      ok(error instanceof RangeError && error.message === "original", String(error));
      equal((await client.getTransaction(id)).info.state, "rolled_back");
      const aborted = new AbortController();
      const cancelled = client.transaction(
        repository,
        "main",
        async (tx) => {
          id = tx.id;
          aborted.abort();
          await tx.stat("a", { signal: aborted.signal });
        },
        { signal: aborted.signal },
      );
      await failure(cancelled, "CANCELLED");
      equal((await client.getTransaction(id)).info.state, "rolled_back");
    },
  },
  {
    name: "await using rolls back unless the transaction was committed",
    async run({ client, repository }) {
      const ids: string[] = [];
      {
        await using open = await client.begin(repository, "main");
        await using committed = await client.begin(repository, "main");
        await using detached = await client.begin(repository, "main");
        ids.push(open.id, committed.id, detached.id);
        await committed.write("a", "1");
        await committed.commit();
        detached.detach();
      }
      const states = await Promise.all(ids.map(async (id) => (await client.getTransaction(id)).info.state));
      equal(states, ["rolled_back", "committed", "open"]);
      const other = await client.getTransaction(ids[2] ?? "");
      await other.rollback();
    },
  },
  {
    name: "a conflict has the paths, and leaves the transaction open",
    async run({ client, repository }) {
      await using first = await client.begin(repository, "main");
      await using second = await client.begin(repository, "main");
      await first.write("a", "1");
      await second.write("a", "2");
      await first.commit();
      const changes = await all(second.changes());
      equal(
        changes.map(({ path, kind }) => [path, kind]),
        [["a", "conflict"]],
      );
      await failure(second.validate(), "ABORTED", "MERGE_CONFLICT");
      const error = await failure(second.commit(), "ABORTED", "MERGE_CONFLICT");
      ok(error instanceof ConflictError, "class");
      equal(error.paths, ["a"]);
      equal((await second.refresh()).state, "open");
      equal((await second.refresh()).failure?.reason, "MERGE_CONFLICT");
      await failure(second.commit({ strategy: "source_wins", ifEpoch: 99 }), "FAILED_PRECONDITION", "EPOCH_MISMATCH");
      const { epoch } = await second.refresh();
      equal((await second.commit({ strategy: "source_wins", ifEpoch: epoch })).state, "committed");
      equal(await client.files(repository, "main").readText("a"), "2");
      await failure(second.rollback(), "FAILED_PRECONDITION", "TRANSACTION_COMMITTED");
    },
  },
  {
    name: "several watches of a transaction share a call",
    async run({ client, repository }) {
      await using tx = await client.begin(repository, "main");
      await tx.write("a", "1");
      // A browser opens six connections to a host: with a call for each watch, the commit would wait.
      const watches = Array.from({ length: 9 }, () => tx.watch());
      const firsts = await Promise.all(watches.map((watch) => watch.next()));
      ok(
        firsts.every((first) => first.done !== true && first.value.transaction.state === "open"),
        "first states",
      );
      equal(client.callsInFlight, 10, "one call, and nine watchers");
      await watches[0]?.return();
      await tx.commit();
      const states = await Promise.all(
        watches.slice(1).map(async (watch) => (await all(watch)).at(-1)?.transaction.state),
      );
      equal(new Set(states).size, 1);
      equal(states[0], "committed");
      const stopping = new AbortController();
      const later = await client.begin(repository, "main");
      const watch = later.watch({ signal: stopping.signal });
      await watch.next();
      const next = watch.next();
      stopping.abort();
      await failure(next, "CANCELLED");
      await later.rollback();
    },
  },
  {
    name: "commits, reverts and histories inside a transaction",
    async run({ client, repository }) {
      await using tx = await client.begin(repository, "main", { branchRetention: "keep", branch: "kept" });
      await tx.write("a", "1");
      const first = await tx.createCommit("first", { metadata: { step: "1" } });
      equal((await tx.head()).commitId, first.commitId);
      await tx.write("b", "2");
      equal(
        (await all(tx.diff())).map(({ path }) => path),
        ["a", "b"],
      );
      const second = await tx.createCommit("second");
      await tx.revert(second.commitId);
      equal(await tx.exists("b"), false);
      equal((await all(tx.log({ limit: 2 }))).length, 2);
      const info = await tx.commit({ skipMerge: true });
      equal([info.merged, info.branch], [false, "kept"]);
      equal((await client.versions.getBranch(repository, "kept")).commitId, info.commitId);
    },
  },
  {
    name: "options of a transaction are checked",
    async run({ client, repository }) {
      await failure(client.begin(repository, "missing"), "NOT_FOUND", "REF_NOT_FOUND");
      await failure(client.begin(repository, "main", { idleTimeoutMs: 1 }), "INVALID_ARGUMENT", "INVALID_FIELD");
      const transactionId = `chosen-${repository}`;
      await using tx = await client.begin(repository, "main", { transactionId, readOnly: true });
      equal([tx.id, tx.info.readOnly, tx.isUnfinished], [transactionId, true, true]);
      await failure(tx.write("a", "1"), "FAILED_PRECONDITION", "TRANSACTION_READ_ONLY");
      await failure(client.begin(repository, "main", { transactionId }), "ALREADY_EXISTS", "TRANSACTION_EXISTS");
      await failure(client.getTransaction("other"), "NOT_FOUND", "TRANSACTION_NOT_FOUND");
      const strategy = "best" as "fail";
      await failure(tx.commit({ strategy }), "INVALID_ARGUMENT");
      ok((await tx.keepAlive()).idleExpireTime instanceof Date, "idleExpireTime");
    },
  },
];
