//! Resolution of commits without a worker, by the janitor.

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
    let Some(taken) = ops.store.swap(row, next).await? else { return Ok(None) };
    fault::after("taken over").await;
    let mut worker = Worker::new(ops.clone(), ops.service.clone(), taken);
    if may_finish && !is_over {
        return Ok(Some(worker.run().await));
    }
    match worker.finish_or_expire(is_over).await {
        Ok(()) | Err(Stop::Superseded) => {}
        Err(Stop::Failed(error) | Stop::Suspended(error)) => worker.suspend(error).await,
    }
    Ok(Some(worker.row.state))
}

impl Worker {
    /// If the transaction was merged, stores COMMITTED. Otherwise, expires the transaction if its lifetime is over, or
    /// postpones it for its owner.
    async fn finish_or_expire(&mut self, is_over: bool) -> Result<(), Stop> {
        if self.row.prepared_commit_id.is_some()
            && let Some(commit) = self.find_merge().await?
        {
            return self.finish(Published { commit, is_merge: true }).await;
        }
        if !is_over {
            // The owner may continue at once. The janitor checks again later.
            let next = self.row.postponed_until(self.row.read_at + millis(self.ops.timing.postponement));
            return self.store("postponed", next).await;
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
