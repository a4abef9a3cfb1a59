//! `TransactionService.WatchTransaction`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Ops;
use lakeport_transactions::{RowWatch, State, Transaction};
use lakeport_types::TransactionId;
use std::time::Duration;

/// Interval at which the row is read, since another process may write it.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// Interval at which the position in the merge queue is read.
const QUEUE_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Stream of the states of a transaction.
pub struct Watch {
    last: Transaction,
    writes: RowWatch,
    position: usize,
    is_first: bool,
    is_done: bool,
}

/// Starts to watch a transaction.
///
/// # Errors
/// `TransactionNotFound`.
pub async fn watch_transaction(ops: &Ops, caller: &Caller, id: &TransactionId) -> Result<Watch> {
    let writes = ops.store.watch(id);
    let last = ops.owned(caller, id).await?;
    Ok(Watch { position: position(ops, &last).await?, last, writes, is_first: true, is_done: false })
}

/// Returns the number of commits into the same base, on any replica, that started before this one and still have a worker.
async fn position(ops: &Ops, transaction: &Transaction) -> Result<usize> {
    match transaction.state {
        State::Committing => Ok(usize::try_from(ops.store.commits_ahead(transaction).await?).unwrap_or_default()),
        _ => Ok(0),
    }
}

/// An event of a watch.
pub struct WatchEvent {
    /// The transaction in its current state.
    pub transaction: Transaction,
    /// Number of commits into the same base that are ahead of it.
    pub queue_position: usize,
    /// Whether the server is shutting down, so that the client must watch on another connection.
    pub reconnect: bool,
}

impl Watch {
    /// Waits for the next change of the state, the epoch or the queue position; `None` after the last event. The first
    /// event comes at once.
    ///
    /// # Errors
    /// `TransactionNotFound` if the row was deleted after its retention.
    pub async fn next(&mut self, ops: &Ops) -> Result<Option<WatchEvent>> {
        if self.is_done {
            return Ok(None);
        }
        while !self.is_first && !ops.stopping.is_cancelled() {
            tokio::select! {
                () = self.writes.next(self.poll_interval()) => {}
                () = ops.stopping.cancelled() => {}
            }
            let now = ops.refreshed(&self.last).await?;
            let position = position(ops, &now).await?;
            let changed = (now.state, now.epoch, position) != (self.last.state, self.last.epoch, self.position);
            (self.last, self.position) = (now, position);
            if changed {
                break;
            }
        }
        self.is_first = false;
        let reconnect = ops.stopping.is_cancelled();
        self.is_done = self.last.state.is_final() || reconnect;
        Ok(Some(WatchEvent { transaction: self.last.clone(), queue_position: self.position, reconnect }))
    }

    /// The queue position is read more often, since it changes without a write to this row.
    fn poll_interval(&self) -> Duration {
        let is_queued = self.last.state == State::Committing && !self.last.is_unattended();
        if is_queued { QUEUE_POLL_INTERVAL } else { POLL_INTERVAL }
    }
}
