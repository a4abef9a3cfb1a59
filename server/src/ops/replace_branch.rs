//! Replaces the live branch of a transaction after a server process died while its request for a path was on its way.
//!
//! The request may still take effect, but only on the former branch. The new branch begins with all writes of the transaction: a commit
//! on the former branch contains them.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::fault;
use crate::ops::branches::{create_branch_at, delete_branch};
use crate::ops::commit_id::commit_id;
use crate::ops::context::{Ops, Shared};
use crate::ops::errors::SETTLE_LIMIT;
use crate::ops::lease::{MADE_IN, release, while_renewing};
use lakeport_lakefs::{self as lakefs, Lakefs, NewCommit};
use lakeport_transactions::{State, Transaction};
use lakeport_types::BranchName;
use lakeport_waiting as waiting;
use rand::RngExt;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::Instrument;

/// Longest interval at which a waiting call reads the row, since another process may write it.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

impl Ops {
    /// Waits until the live branch of a transaction is not being replaced. Continues the replacement if its process died.
    ///
    /// # Errors
    /// `WriteInDoubt` after 5 s, or before the deadline of the caller.
    pub(in crate::ops) async fn after_replacement(
        self: &Arc<Self>,
        caller: &Caller,
        mut now: Transaction,
    ) -> Result<Transaction> {
        let give_up = Instant::now() + caller.time_left(SETTLE_LIMIT);
        let mut writes = self.store.watch(&now.id);
        while now.is_changing_branch() {
            if now.is_unattended()
                && let Err(error) = replace_branch(self, caller, &now).await
            {
                tracing::warn!(%error, transaction.id = %now.id, "cannot replace the branch of a transaction now");
            }
            if Instant::now() >= give_up {
                self.touch(&now).await?;
                let message = format!(
                    "transaction {} continues on another branch, which is not ready yet: retry after the delay in RetryInfo",
                    now.id
                );
                return Err(Error::new(Kind::WriteInDoubt, message).retry_in(POLL_INTERVAL));
            }
            writes.next(POLL_INTERVAL.min(give_up - Instant::now())).await;
            now = self.refreshed(&now).await?;
        }
        Ok(now)
    }
}

/// Replaces the live branch, if the row is still as in `before`. Runs to its end even if the caller disconnects. If the caller's process
/// dies, the next write continues with another branch.
///
/// # Errors
/// Those of lakeFS, such as a refusal by a hook, and of the store. The former branch then stays.
pub(in crate::ops) async fn replace_branch(ops: &Shared, caller: &Caller, before: &Transaction) -> Result<()> {
    let (task_ops, lakefs, before) = (ops.clone(), caller.lakefs.clone(), before.clone());
    let span = tracing::info_span!("replace branch", transaction.id = %before.id);
    let task = async move { replace(&task_ops, lakefs, &before).await };
    let task = ops.tasks.spawn(waiting::inherit(task).instrument(span));
    task.await.map_err(|error| Error::new(Kind::Internal, "the task that replaces a branch failed").caused_by(error))?
}

async fn replace(ops: &Ops, lakefs: Lakefs, before: &Transaction) -> Result<()> {
    let now = ops.refreshed(before).await?;
    if now.state != State::Open || now.branch != before.branch || !now.is_unattended() {
        return Ok(());
    }
    let new = BranchName::for_transaction(now.read_at, rand::rng().random());
    fault::before("replacing").await;
    let Some(mut leased) = ops.store.swap(&now, now.replacing_branch(new.clone(), &ops.worker)).await? else {
        return Ok(());
    };
    fault::after("replacing").await;
    let made = make(lakefs.clone(), leased.clone(), new.clone());
    let made = while_renewing(ops, &mut leased, made).await;
    fault::after("successor made").await;
    if let Err(error) = made {
        release(ops, &leased, |row| row.branch_not_replaced()).await?;
        return Err(error);
    }
    if !release(ops, &leased, |row| row.branch_replaced(new.clone())).await? {
        return Ok(());
    }
    tracing::info!(former = %now.branch, %new, "replaced the branch of a transaction that a request of a dead process may still change");
    if let Err(error) = delete_branch(&lakefs, &now.repository, &now.branch).await {
        tracing::warn!(%error, branch = %now.branch, "cannot delete the former branch yet; it is deleted when the transaction ends");
    }
    Ok(())
}

/// Creates the new branch from a commit of all writes.
async fn make(lakefs: Lakefs, row: Transaction, new: BranchName) -> Result<()> {
    let metadata = BTreeMap::from([(MADE_IN.to_owned(), row.id.to_string())]);
    let message = format!("Writes in transaction {}", row.id);
    match lakefs.commit(&row.repository, &row.branch, &NewCommit { message, metadata, allow_empty: false }).await {
        Ok(_) => {}
        Err(error) if error.kind() == lakefs::Kind::NoChanges => {}
        // If the commit took effect, the next attempt finds no changes.
        Err(error) => return Err(error.into()),
    }
    let head = lakefs.branch(&row.repository, &row.branch).await?.commit_id;
    Ok(create_branch_at(&lakefs, &row.repository, &new, &commit_id(head)?).await?)
}
