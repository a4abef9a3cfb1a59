//! Following a transaction.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Ops;
use lakeport_transactions::{RowWatch, State, Transaction};
use lakeport_types::TransactionId;
use std::time::Duration;

/// How often the row is looked at, which another process may write.
const LOOK: Duration = Duration::from_secs(5);

/// How often its place in the queue is looked at.
const QUEUE: Duration = Duration::from_millis(100);

/// A watch under way.
pub struct Watching {
    last: Transaction,
    writes: RowWatch,
    position: usize,
    is_first: bool,
    is_done: bool,
}

/// Begins to follow a transaction.
///
/// # Errors
/// `TransactionNotFound`.
pub async fn watch_transaction(ops: &Ops, caller: &Caller, id: &TransactionId) -> Result<Watching> {
    let writes = ops.store.watch(id);
    let last = ops.owned(caller, id).await?;
    Ok(Watching { position: position(ops, &last).await?, last, writes, is_first: true, is_done: false })
}

/// How many commits of the same base began before the one under way and are at work, on any replica.
async fn position(ops: &Ops, transaction: &Transaction) -> Result<usize> {
    match transaction.state {
        State::Committing => Ok(usize::try_from(ops.store.commits_ahead(transaction).await?).unwrap_or_default()),
        _ => Ok(0),
    }
}

/// What a watch saw.
pub struct Seen {
    /// The transaction now.
    pub transaction: Transaction,
    /// How many commits into the base are ahead of it.
    pub queue_position: usize,
    /// The server is going away.
    pub reconnect: bool,
}

impl Watching {
    /// The next change of state; `None` behind the last.
    ///
    /// # Errors
    /// `TransactionNotFound` when it was forgotten meanwhile.
    pub async fn next(&mut self, ops: &Ops) -> Result<Option<Seen>> {
        if self.is_done {
            return Ok(None);
        }
        while !self.is_first && !ops.stopping.is_cancelled() {
            tokio::select! {
                () = self.writes.next(self.look()) => {}
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
        Ok(Some(Seen { transaction: self.last.clone(), queue_position: self.position, reconnect }))
    }

    /// The queue moves without a write to this row.
    fn look(&self) -> Duration {
        let is_at_work = self.last.state == State::Committing && !self.last.is_unattended();
        if is_at_work { QUEUE } else { LOOK }
    }
}
