/** Operations on transactions. */
import type { BeginOptions, CommitOptions, TransactionInfo, TransactionState } from "lakeport";
import type { Result } from "./expected.js";
import { all, changes, type Context, type Operation, OwnError, strategyOf, transactionOf } from "./operations.js";
import type { Step } from "./scenario.js";

export const transactions: Readonly<Record<string, Operation>> = {
  async begin(context, step) {
    const { client, repository, begun } = context;
    // Only the scope of the language keeps its transaction alive.
    const options = { ...beginOptions(context, step), keepAlive: false };
    const tx = await client.begin(repository, step.base ?? "main", options);
    begun.set(tx.id, tx);
    return transaction(tx.info);
  },

  async commit(context, step) {
    const tx = await transactionOf(context, step.tx);
    return transaction(await tx.commit(commitOptions(context, step)));
  },

  async validate(context, step) {
    await (await transactionOf(context, step.tx)).validate(context.call);
    return {};
  },

  async rollback(context, step) {
    return transaction(await (await transactionOf(context, step.tx)).rollback(context.call));
  },

  async get_transaction({ client, call }, { tx = "" }) {
    return transaction((await client.getTransaction(tx, call)).info);
  },

  async keep_alive(context, step) {
    return transaction(await (await transactionOf(context, step.tx)).keepAlive(context.call));
  },

  async list_transactions({ client, repository, call }, step) {
    const states = step.states?.map((state) => state.toLowerCase() as TransactionState);
    const found = client.transactions({ repository, states, labels: step.labels, ...call });
    return { ids: (await all(found)).map(({ transactionId }) => transactionId) };
  },

  async changes(context, { tx, prefix = "" }) {
    return changes((await transactionOf(context, tx)).changes({ prefix, ...context.call }));
  },

  async watch(context, step) {
    const states: string[] = [];
    let isFirst = true;
    const tx = await transactionOf(context, step.tx);
    for await (const { transaction } of tx.watch(context.call)) {
      const state = transaction.state.toUpperCase();
      if (states.at(-1) !== state) {
        states.push(state);
      }
      if (isFirst) {
        isFirst = false;
        await context.run(step.steps ?? []);
      }
    }
    return { states };
  },

  async transaction(context, step) {
    const { client, repository } = context;
    const options = { ...beginOptions(context, step), commit: commitOptions(context, step) };
    const work = async (tx: { readonly id: string; readonly info: TransactionInfo }) => {
      context.set("tx", tx.id);
      await context.run(step.steps ?? []);
      if (step.raises !== undefined) {
        throw new OwnError(step.raises);
      }
      return tx;
    };
    return transaction((await client.transaction(repository, step.base ?? "main", work, options)).info);
  },
};

function beginOptions({ call }: Context, step: Step): BeginOptions {
  const { id: transactionId, idle_timeout_ms: idleTimeoutMs, lifetime_ms: lifetimeMs } = step;
  return { transactionId, idleTimeoutMs, lifetimeMs, readOnly: step.read_only, labels: step.labels, ...call };
}

function commitOptions({ call }: Context, step: Step): CommitOptions {
  const { message, metadata, tags, squash, skip_merge: skipMerge, if_epoch: ifEpoch } = step;
  return { message, metadata, tags, squash, skipMerge, ifEpoch, strategy: strategyOf(step), ...call };
}

function transaction(info: TransactionInfo): Result {
  const { transactionId, state, merged, commitId, baseCommitId, failedTags, labels } = info;
  return {
    id: transactionId,
    state: state.toUpperCase(),
    merged,
    commit_id: commitId,
    base_commit_id: baseCommitId,
    failed_tags: failedTags,
    labels,
  };
}
