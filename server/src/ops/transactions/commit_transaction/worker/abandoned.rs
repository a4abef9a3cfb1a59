//! What the janitor does with a commit that nobody works on.

use crate::error::Result;
use crate::fault;
use crate::ops::context::Shared;
use crate::ops::errors::not_open;
use crate::ops::transactions::clean::clean;
use crate::ops::transactions::commit_transaction::worker::{Published, Stop, Worker};
use crate::timing::millis;
use lakeport_transactions::{State, Transaction};

/// What the janitor does with a commit that nobody works on: finds out whether it was merged, and finishes it with the service's
/// own right where that is everybody's. Past its lifetime it is ended, behind the fence. Says which state that leaves it in; `None`
/// when somebody else has it.
///
/// # Errors
/// When the store fails.
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
        Ok(()) | Err(Stop::Overtaken) => {}
        Err(Stop::Failed(error) | Stop::Suspended(error)) => worker.suspend(error).await,
    }
    Ok(Some(worker.row.state))
}

impl Worker {
    /// Merged: COMMITTED. Not merged: left to its owner, until the end of its life.
    async fn end_or_leave(&mut self, is_over: bool) -> Result<(), Stop> {
        if self.row.prepared_commit_id.is_some()
            && let Some(commit) = self.merged().await?
        {
            return self.finish(Published { commit, is_merge: true }).await;
        }
        if !is_over {
            // Its owner may go on at once; the janitor looks again later.
            let next = self.row.left_alone_until(self.row.read_at + millis(self.ops.timing.left_alone));
            return self.store("left", next).await;
        }
        // Nothing can be merged that was not prepared, and what was written may be kept.
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
