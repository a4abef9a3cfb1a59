//! The end of commits without a worker: the janitor resolves them, and the owner may roll them back.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::fault;
use crate::ops::context::Shared;
use crate::ops::errors::not_open;
use crate::ops::transactions::clean::clean;
use crate::ops::transactions::commit_transaction::worker::{Published, Stop, Worker};
use crate::timing::millis;
use lakeport_transactions::{Failure, State, Transaction};
use lakeport_types::CommitId;
use std::time::Duration;

/// How a transaction ends without a merge.
#[derive(Clone, Copy)]
enum End {
    RolledBack,
    Expired,
}

/// Resolves a commit without a worker, for the janitor.
///
/// If `may_finish`, the service's account must act as the owner, and a worker finishes the commit with its permissions.
/// Otherwise, this function only checks whether the transaction was merged. After the end of the lifetime, it never
/// merges: it passes the fence and expires the transaction. Returns the new state, or `None` if another worker has the
/// commit.
///
/// # Errors
/// `SessionStoreUnavailable` if the store fails.
pub async fn resolve_abandoned(ops: &Shared, row: &Transaction, may_finish: bool) -> Result<Option<State>> {
    if row.state != State::Committing || !row.is_unattended() {
        return Ok(None);
    }
    let is_over = row.expire_time <= row.read_at;
    let next = row.take_over(&ops.worker).map_err(|state| not_open(row, state.0))?;
    let taken = match is_over {
        true => ops.store.swap_past_lifetime(row, next).await?,
        false => ops.store.swap(row, next).await?,
    };
    let Some(taken) = taken else { return Ok(None) };
    fault::after("taken over").await;
    let mut worker = Worker::new(ops.clone(), ops.service.clone(), taken);
    if may_finish && !is_over {
        return Ok(Some(worker.run().await));
    }
    let stopped = match is_over {
        true => worker.end_unmerged(End::Expired).await,
        false => worker.finish_or_postpone().await,
    };
    Ok(Some(worker.stop(stopped).await))
}

/// Takes over a commit without a worker and rolls the transaction back, unless it was merged. Runs in a task, which continues if
/// the caller disconnects. Does nothing if another worker takes over first.
///
/// # Errors
/// `SessionStoreUnavailable` if the store fails.
pub async fn roll_back_abandoned(ops: &Shared, caller: &Caller, row: &Transaction) -> Result<()> {
    let next = row.take_over(&ops.worker).map_err(|state| not_open(row, state.0))?;
    let Some(taken) = ops.store.swap(row, next).await? else { return Ok(()) };
    fault::after("taken over").await;
    let mut worker = Worker::new(ops.clone(), caller.lakefs.clone(), taken);
    let span = tracing::info_span!("rollback", transaction.id = %worker.id());
    let task = async move {
        let stopped = worker.end_unmerged(End::RolledBack).await;
        worker.stop(stopped).await
    };
    ops.tasks.spawn(tracing::Instrument::instrument(task, span));
    Ok(())
}

impl Worker {
    /// If the transaction was merged, stores COMMITTED. Otherwise, leaves the commit to its owner.
    async fn finish_or_postpone(&mut self) -> Result<(), Stop> {
        if let Some(commit) = self.merge_if_prepared().await? {
            return self.finish(Published { commit, is_merge: true }).await;
        }
        // The owner may continue at once. The janitor checks again later.
        let next = self.row.postponed_until(self.row.read_at + millis(self.ops.timing.postponement));
        self.store("postponed", next).await
    }

    /// Ends the transaction without a merge, as ROLLED_BACK or EXPIRED. If it was merged, stores COMMITTED.
    async fn end_unmerged(&mut self, end: End) -> Result<(), Stop> {
        if let Some(commit) = self.merge_if_prepared().await? {
            return self.finish(Published { commit, is_merge: true }).await;
        }
        // Without a prepared commit there is no merge to wait for. The fence would delete the live branch, which may
        // have to be kept.
        if self.row.prepared_commit_id.is_some() {
            let refusal = self.row.refusal.clone().unwrap_or_else(|| self.abandoned(end));
            self.store("refused", self.row.refused(refusal.clone())).await?;
            if let Some(commit) = self.fence(Some(refusal)).await? {
                return self.finish(Published { commit, is_merge: true }).await;
            }
        }
        let ended = match end {
            End::RolledBack => self.row.rolled_back(&self.ops.worker),
            End::Expired => self.row.expired(&self.ops.worker),
        };
        let next = ended.map_err(|state| Stop::Suspended(not_open(&self.row, state.0)))?;
        self.store("ended", next).await?;
        clean(&self.ops, &self.lakefs, self.row.clone()).await;
        Ok(())
    }

    /// Returns the failure of a commit that ends without a merge.
    fn abandoned(&self, end: End) -> Failure {
        let kind = match end {
            End::RolledBack => Kind::TransactionRolledBack,
            End::Expired => Kind::TransactionExpired,
        };
        let message = format!("the commit of transaction {} was abandoned", self.row.id);
        Failure { reason: kind.reason().to_owned(), message, paths: Vec::new() }
    }

    async fn merge_if_prepared(&mut self) -> Result<Option<CommitId>, Stop> {
        if self.row.prepared_commit_id.is_some() { self.find_merge().await } else { Ok(None) }
    }
}

/// The error for a rollback that waits until no merge can take effect any more.
pub fn rollback_in_progress(row: &Transaction) -> Error {
    let message = format!(
        "a merge of transaction {} may still take effect: retry the rollback after the delay in RetryInfo",
        row.id
    );
    Error::new(Kind::TransactionCommitting, message).retry_in(Duration::from_secs(1))
}
