//! How the janitor resolves a commit without a worker.

use crate::error::Result;
use crate::fault;
use crate::ops::context::Shared;
use crate::ops::errors::not_open;
use crate::ops::transactions::clean::clean;
use crate::ops::transactions::commit_transaction::worker::{Published, Stop, Worker};
use crate::timing::millis;
use lakeport_transactions::{State, Transaction};

/// Resolves a commit without a worker, for the janitor.
///
/// With `may_finish`, the worker runs with the service's permissions, which must then be those of the owner. Otherwise
/// this only finds out whether the transaction was merged. After the lifetime, the transaction expires behind the
/// fence. Returns the new state, or `None` if another worker has the commit.
///
/// # Errors
/// `SessionStoreUnavailable` if the store fails.
pub async fn resolve_abandoned(ops: &Shared, row: &Transaction, may_finish: bool) -> Result<Option<State>> {
    if row.state != State::Committing || !row.is_unattended() {
        return Ok(None);
    }
    let is_over = row.expire_time <= row.read_at;
    let next = row.take_over(&ops.worker).map_err(|state| not_open(row, state.0))?;
    let Some(taken) = ops.store.swap(row, next).await? else { return Ok(None) };
    fault::after("taken over").await;
    let mut worker = Worker::new(ops.clone(), ops.service.clone(), taken);
    if may_finish && !is_over {
        return Ok(Some(worker.run().await));
    }
    match worker.end_or_leave(is_over).await {
        Ok(()) | Err(Stop::Superseded) => {}
        Err(Stop::Failed(error) | Stop::Suspended(error)) => worker.suspend(error).await,
    }
    Ok(Some(worker.row.state))
}

impl Worker {
    /// If the transaction was merged, stores COMMITTED. Otherwise leaves it to its owner until its lifetime ends, and
    /// then expires it.
    async fn end_or_leave(&mut self, is_over: bool) -> Result<(), Stop> {
        if self.row.prepared_commit_id.is_some()
            && let Some(commit) = self.find_merge().await?
        {
            return self.finish(Published { commit, is_merge: true }).await;
        }
        if !is_over {
            // The owner may continue at once. The janitor checks again later.
            let next = self.row.left_alone_until(self.row.read_at + millis(self.ops.timing.left_alone));
            return self.store("left", next).await;
        }
        // Without a prepared commit there is no merge to wait for. The fence would delete the live branch, which may
        // have to be kept.
        if self.row.prepared_commit_id.is_some()
            && let Some(commit) = self.fence(self.row.refusal.clone()).await?
        {
            return self.finish(Published { commit, is_merge: true }).await;
        }
        let ended = self.row.expired().map_err(|state| Stop::Suspended(not_open(&self.row, state.0)))?;
        self.store("expired", ended).await?;
        clean(&self.ops, &self.lakefs, self.row.clone()).await;
        Ok(())
    }
}
