//! Who waits for a row is woken when this process writes it. What other processes write is seen by looking now and then.

use lakeport_types::TransactionId;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Rows that share a bell: who is woken for another's row looks once in vain.
const BELLS: u64 = 256;

/// Rung when a row is written.
#[derive(Clone)]
pub(crate) struct Bells(Arc<[watch::Sender<()>]>);

/// Waits for what is written to one row.
#[derive(Debug)]
pub struct RowWatch(watch::Receiver<()>);

impl fmt::Debug for Bells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bells(…)")
    }
}

impl Default for Bells {
    fn default() -> Self {
        Self((0..BELLS).map(|_| watch::Sender::new(())).collect())
    }
}

impl Bells {
    fn of(&self, id: &TransactionId) -> Option<&watch::Sender<()>> {
        let mut hasher = DefaultHasher::new();
        id.as_str().hash(&mut hasher);
        self.0.get(usize::try_from(hasher.finish() % BELLS).unwrap_or_default())
    }

    pub(crate) fn ring(&self, id: &TransactionId) {
        if let Some(bell) = self.of(id) {
            bell.send_replace(());
        }
    }

    pub(crate) fn listen(&self, id: &TransactionId) -> RowWatch {
        let silent = || watch::Sender::new(()).subscribe();
        RowWatch(self.of(id).map_or_else(silent, watch::Sender::subscribe))
    }
}

impl RowWatch {
    /// Returns when the row may have been written since the last call, at the latest after `most`.
    pub async fn next(&mut self, most: Duration) {
        // Rung, too late, or without a bell: the row is looked at in any case.
        let _ = tokio::time::timeout(most, self.0.changed()).await;
    }
}
