//! Readiness: whether this replica accepts calls and can store their effects.

use crate::ops::context::Shared;
use lakeport_embedded::Lake;
use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// Timeout of each check.
const TIMEOUT: Duration = Duration::from_millis(800);
/// Time for which a result is valid, so that probes cause few writes.
const VALID: Duration = Duration::from_secs(2);

/// Result of a check: the reason if the server is not ready.
type Checked = Result<(), String>;

/// Checks whether the session store and the embedded lake can be written, at most once every two seconds.
pub struct Readiness {
    ops: Shared,
    lake: Option<Arc<Lake>>,
    last: Mutex<Option<(Instant, Checked)>>,
}

impl Readiness {
    /// Creates the checks of a server, with its embedded lake if it has one.
    pub fn new(ops: Shared, lake: Option<Arc<Lake>>) -> Self {
        Self { ops, lake, last: Mutex::default() }
    }

    /// Returns the reason if this replica is not ready. The state of another lakeFS does not matter: if it is down, no other
    /// replica is better.
    ///
    /// # Errors
    /// The server is shutting down, or the session store or the embedded lake cannot be written.
    pub async fn check(&self) -> Checked {
        if self.ops.stopping.is_cancelled() {
            return Err("shutting down".to_owned());
        }
        let mut last = self.last.lock().await;
        match &*last {
            Some((at, checked)) if at.elapsed() < VALID => checked.clone(),
            _ => {
                let checked = self.write().await;
                *last = Some((Instant::now(), checked.clone()));
                checked
            }
        }
    }

    async fn write(&self) -> Checked {
        written("the session store", self.ops.store.heartbeat()).await?;
        match &self.lake {
            Some(lake) => written("the embedded lake", lake.check_writable()).await,
            None => Ok(()),
        }
    }
}

async fn written<T, E: Display>(what: &str, write: impl Future<Output = Result<T, E>>) -> Checked {
    match tokio::time::timeout(TIMEOUT, write).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(format!("{what} cannot be written: {error}")),
        Err(_) => Err(format!("{what} does not respond")),
    }
}
