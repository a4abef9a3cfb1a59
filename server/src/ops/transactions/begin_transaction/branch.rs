//! Creates the branch of a new transaction, and cleans up if that fails.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::fault;
use crate::ops::branches::delete_branches;
use crate::ops::commit_id::commit_id;
use crate::ops::context::{Ops, Shared};
use crate::ops::errors::not_open;
use crate::ops::transactions::begin_transaction::head;
use crate::ops::transactions::rollback_transaction::rollback_transaction;
use crate::timing::millis;
use lakeport_lakefs as lakefs;
use lakeport_transactions::Transaction;
use lakeport_types::Ref;
use lakeport_waiting as waiting;
use tracing::Instrument;

/// How a Begin call got the row of its transaction.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// The call created the row with a generated ID. No other call knows the ID before the response.
    Only,
    /// The call created the row with an ID that the caller chose, so other calls may join.
    First,
    /// The call found an existing row. Another call may have created the branch, or may still create it.
    Joined,
}

/// Creates the branch of a transaction and stores the base commit. This runs in a task, so that it completes even if
/// the caller disconnects. Otherwise a branch without a known transaction could remain.
pub(super) async fn create_branch(
    ops: &Shared,
    caller: &Caller,
    row: Transaction,
    attempt: Attempt,
) -> Result<Transaction> {
    if row.options.read_only {
        return Ok(row);
    }
    let (task_ops, caller) = (ops.clone(), caller.clone());
    let task = async move {
        match try_create(&task_ops, &caller, &row).await {
            Ok(created) => store_base(&task_ops, &caller, row, created).await,
            Err(failed) => Err(give_up(&task_ops, &caller, row, attempt, failed).await?),
        }
    };
    let task = ops.tasks.spawn(waiting::inherit(task).in_current_span());
    task.await.map_err(|error| {
        Error::new(Kind::Internal, "the task that creates the transaction's branch failed").caused_by(error)
    })?
}

/// A branch that exists.
struct Created {
    /// ID of the base commit, as returned by lakeFS.
    base: String,
    /// Whether an earlier request may still create the branch again after its deletion.
    is_in_doubt: bool,
}

/// A branch that could not be created.
struct Failed {
    error: lakefs::Error,
    /// Whether a request may have created the branch despite the error, or may still create it.
    is_in_doubt: bool,
}

/// Creates the branch from the current head of its base, in up to three attempts.
async fn try_create(ops: &Ops, caller: &Caller, row: &Transaction) -> Result<Created, Failed> {
    let (mut tries_left, mut is_in_doubt) = (2, false);
    loop {
        fault::before("branched").await;
        let created = create_from_base(caller, row).await;
        fault::after("branched").await;
        let error = match created {
            Ok(base) => return Ok(Created { base, is_in_doubt }),
            Err(error) => error,
        };
        is_in_doubt |= error.is_ambiguous();
        let may_help = error.retry() != lakefs::Retry::Never && tries_left > 0;
        // If the transaction has ended, a new request could create the branch after its cleanup.
        if !may_help || !ops.refreshed(row).await.is_ok_and(|now| !now.state.is_final()) {
            return Err(Failed { error, is_in_doubt });
        }
        tries_left -= 1;
    }
}

/// Removes the row of a transaction whose begin failed, unless its branch may exist or another Begin has joined.
/// Returns the error for the caller.
async fn give_up(ops: &Shared, caller: &Caller, row: Transaction, attempt: Attempt, failed: Failed) -> Result<Error> {
    match attempt {
        _ if failed.is_in_doubt => expect_late_branch(ops, &row).await?,
        // Removes nothing if another Begin has joined and changed the row.
        Attempt::Only | Attempt::First => drop(ops.store.remove(&row).await?),
        Attempt::Joined => {}
    }
    match ops.store.get(&row.owner, &row.id).await? {
        Some(ended) if ended.state.is_final() => return Ok(not_open(&ended, ended.state)),
        Some(_) if attempt == Attempt::Only => drop(rollback_transaction(ops, caller, &row.id).await?),
        _ => {}
    }
    Ok(explain(caller, &row, failed.error).await)
}

/// Sends the request that creates the branch, and returns the ID of the base commit. If the branch exists, an earlier
/// attempt of this transaction created it, since its name is random and stored in the row. Its head is still the base
/// commit: nothing is committed on it before the begin completes.
async fn create_from_base(caller: &Caller, row: &Transaction) -> lakefs::Result<String> {
    let base = Ref::committed(&row.base_branch);
    match caller.lakefs.create_branch(&row.repository, &row.branch, &base, true).await {
        Err(error) if error.kind() == lakefs::Kind::AlreadyExists => {
            Ok(caller.lakefs.branch(&row.repository, &row.branch).await?.commit_id)
        }
        created => created,
    }
}

/// Stores the base commit in the row, unless another attempt has stored it. If the transaction has already ended,
/// deletes the branch, or leaves the deletion to the janitor.
async fn store_base(ops: &Ops, caller: &Caller, row: Transaction, created: Created) -> Result<Transaction> {
    let base = commit_id(created.base)?;
    loop {
        let now = ops.refreshed(&row).await?;
        if now.state.is_final() {
            // If another attempt completed the begin, the branch may have contents to keep, so only the cleanup deletes it.
            if now.base_commit_id.is_some() || delete_branches(&caller.lakefs, &now).await.is_err() {
                expect_late_branch(ops, &now).await?;
            }
            return Err(not_open(&now, now.state));
        }
        if !now.is_beginning() {
            return Ok(now);
        }
        let begun = now.begun_at(base.clone());
        let begun = if created.is_in_doubt { begun.awaiting_late_branch(millis(ops.timing.settle)) } else { begun };
        fault::before("based").await;
        if let Some(begun) = ops.store.swap(&now, begun).await? {
            fault::after("based").await;
            return Ok(begun);
        }
    }
}

/// Records that the branch may exist or may still be created. The cleanup at the end of the transaction then deletes it.
async fn expect_late_branch(ops: &Ops, transaction: &Transaction) -> Result<()> {
    loop {
        let now = ops.refreshed(transaction).await?;
        let expecting = now.awaiting_late_branch(millis(ops.timing.settle));
        if ops.store.swap(&now, expecting).await?.is_some() {
            return Ok(());
        }
    }
}

/// Converts lakeFS's error from the creation of the branch. lakeFS returns the same error if the base is a tag or a
/// commit and if it does not exist, so the base is looked up.
async fn explain(caller: &Caller, row: &Transaction, error: lakefs::Error) -> Error {
    let is_of_base = matches!(
        error.kind(),
        lakefs::Kind::RepositoryNotFound | lakefs::Kind::NotFound | lakefs::Kind::InvalidArgument
    );
    if is_of_base && let Err(specific) = head(caller, &row.repository, &row.base_branch).await {
        return specific;
    }
    caller.explain(error.into()).await
}
