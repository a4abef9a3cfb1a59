//! `TransactionService.RollbackTransaction`.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::fault;
use crate::ops::context::Shared;
use crate::ops::errors::not_open;
use crate::ops::transactions::clean::clean;
use crate::ops::transactions::commit_transaction::{roll_back_abandoned, rollback_in_progress};
use crate::ops::transactions::failure::failure_of;
use crate::ops::transactions::keep_branch::is_being_kept;
use lakeport_transactions::{State, Transaction};
use lakeport_types::TransactionId;
use std::time::Duration;

/// Interval at which a waiting call reads the row, since another process may write it.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Maximum time that a call waits for the end of an abandoned commit. A deadline of the caller can shorten it.
const WAIT_LIMIT: Duration = Duration::from_secs(120);

/// Maximum time that a call waits for the branch that another call keeps.
const KEEP_LIMIT: Duration = Duration::from_secs(10);

/// Rolls a transaction back. Its branch is deleted now, or later by the janitor. A finished transaction that was not
/// committed is returned as it is.
///
/// A commit that is in doubt ends first: the call waits until no merge of it can take effect any more.
///
/// # Errors
/// `TransactionNotFound`, `TransactionCommitted`; `TransactionCommitting` while a commit is in progress, or may still take effect;
/// `CommitInDoubt` if lakeFS cannot be asked whether the commit took effect.
pub async fn rollback_transaction(ops: &Shared, caller: &Caller, id: &TransactionId) -> Result<Transaction> {
    loop {
        let now = ops.owned_or_beginning(caller, id).await?;
        match now.state {
            State::Open => {}
            State::Committing if is_in_doubt(&now) => {
                if !is_being_rolled_back(&now) {
                    roll_back_abandoned(ops, caller, &now).await?;
                }
                wait_for_end(ops, caller, &now).await?;
                continue;
            }
            State::RolledBack | State::Expired => return wait_for_kept_branch(ops, caller, now).await,
            State::Committing | State::Committed => return Err(not_open(&now, now.state)),
        }
        if !now.is_unattended() {
            return Err(Error::new(
                Kind::TransactionCommitting,
                format!("a commit inside transaction {id} is in progress: roll back when it has finished"),
            )
            .retry_in(Duration::from_millis(200)));
        }
        let next = now.rolled_back(&ops.worker).map_err(|state| not_open(&now, state.0))?;
        fault::before("rolled back").await;
        if let Some(ended) = ops.store.swap(&now, next).await? {
            fault::after("rolled back").await;
            return Ok(clean(ops, &caller.lakefs, ended).await);
        }
    }
}

/// Returns whether a commit has no worker, or has lost a response of lakeFS. A rollback may take over such a commit: the fence
/// stops the requests of its worker.
fn is_in_doubt(row: &Transaction) -> bool {
    row.is_unattended() || row.commit_in_doubt || row.merge_in_doubt
}

/// Returns whether an earlier rollback has taken over the commit.
fn is_being_rolled_back(row: &Transaction) -> bool {
    let is_refused = row.refusal.as_ref().is_some_and(|refusal| refusal.reason == Kind::TransactionRolledBack.reason());
    is_refused && !row.is_unattended()
}

/// Waits until an abandoned commit has ended, or its end has failed.
async fn wait_for_end(ops: &Shared, caller: &Caller, row: &Transaction) -> Result<()> {
    let ended = async {
        let mut writes = ops.store.watch(&row.id);
        loop {
            let now = ops.refreshed(row).await?;
            if now.state != State::Committing {
                return Ok(());
            }
            if now.is_unattended() {
                return Err(failure_of(&now).unwrap_or_else(|| rollback_in_progress(&now)));
            }
            writes.next(POLL_INTERVAL).await;
        }
    };
    let ended = tokio::time::timeout(caller.time_left(WAIT_LIMIT), ended).await;
    ended.unwrap_or_else(|_| Err(rollback_in_progress(row)))
}

/// Waits until the call that ended the transaction has kept its branch. If that call has stopped, the janitor continues.
async fn wait_for_kept_branch(ops: &Shared, caller: &Caller, ended: Transaction) -> Result<Transaction> {
    let mut now = ended;
    let kept = async {
        let mut writes = ops.store.watch(&now.id);
        while is_being_kept(&now) {
            writes.next(POLL_INTERVAL).await;
            now = ops.refreshed(&now).await?;
        }
        Ok::<_, Error>(())
    };
    match tokio::time::timeout(caller.time_left(KEEP_LIMIT), kept).await {
        Ok(Err(error)) => Err(error),
        Ok(Ok(())) | Err(_) => Ok(now),
    }
}
