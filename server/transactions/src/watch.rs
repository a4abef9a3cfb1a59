//! Wakes waiters of a row when this process writes it. Waiters poll for writes of other processes.

use lakeport_types::TransactionId;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Number of channels. Several rows share a channel, so a waiter may wake up without a write of its row.
const CHANNELS: u64 = 256;

/// Announces writes of rows.
#[derive(Clone)]
pub(crate) struct RowNotifiers(Arc<[watch::Sender<()>]>);

/// Waits for writes of one row.
#[derive(Debug)]
pub struct RowWatch(watch::Receiver<()>);

impl fmt::Debug for RowNotifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RowNotifiers(…)")
    }
}

impl Default for RowNotifiers {
    fn default() -> Self {
        Self((0..CHANNELS).map(|_| watch::Sender::new(())).collect())
    }
}

impl RowNotifiers {
    fn channel(&self, id: &TransactionId) -> Option<&watch::Sender<()>> {
        let mut hasher = DefaultHasher::new();
        id.as_str().hash(&mut hasher);
        self.0.get(usize::try_from(hasher.finish() % CHANNELS).unwrap_or_default())
    }

    pub(crate) fn notify(&self, id: &TransactionId) {
        if let Some(channel) = self.channel(id) {
            channel.send_replace(());
        }
    }

    pub(crate) fn subscribe(&self, id: &TransactionId) -> RowWatch {
        let silent = || watch::Sender::new(()).subscribe();
        RowWatch(self.channel(id).map_or_else(silent, watch::Sender::subscribe))
    }
}

impl RowWatch {
    /// Waits until this process may have written the row since the last call, at most for `timeout`.
    pub async fn next(&mut self, timeout: Duration) {
        // The caller reads the row in any case: after a write, a timeout, or a closed channel.
        let _ = tokio::time::timeout(timeout, self.0.changed()).await;
    }
}
