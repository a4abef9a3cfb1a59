//! Records the requests that change a path in a transaction before they are sent.
//!
//! Only one such request for a path is on its way at a time, so that a request that its caller has abandoned cannot take effect after a
//! later one. If the process that sent a request died, the transaction continues on a new branch, which the request cannot change.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::Ops;
use crate::ops::errors::{SETTLE_LIMIT, unsettled};
use crate::ops::replace_branch::replace_branch;
use crate::ops::writing::Writing;
use crate::timing::{duration, millis};
use lakeport_transactions::{Busy, InFlightRecord, State, Transaction};
use lakeport_types::ObjectPath;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// First pause before another attempt to record a request. It doubles with each attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
/// Longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

impl Ops {
    /// Records that a request for these paths is sent now. Waits while another one is on its way. The record lasts until it is dropped.
    /// Returns `None` outside of a transaction.
    ///
    /// # Errors
    /// `WriteInDoubt`: another request may still take effect, or the transaction continues on another branch. Nothing was sent.
    pub(in crate::ops) async fn record_in_flight(
        self: &Arc<Self>,
        caller: &Caller,
        writing: &Writing,
        paths: &[ObjectPath],
    ) -> Result<Option<InFlightRecord>> {
        let Some(row) = &writing.transaction else { return Ok(None) };
        let busy = match self.in_flight.record(&row.branch, paths).await? {
            Ok(record) => return Ok(Some(record)),
            Err(busy) => busy,
        };
        // Boxed: it is rare, and its future is larger than the rest of a write.
        Box::pin(self.record_when_free(caller, row, paths, busy)).await.map(Some)
    }

    async fn record_when_free(
        self: &Arc<Self>,
        caller: &Caller,
        row: &Transaction,
        paths: &[ObjectPath],
        mut busy: Busy,
    ) -> Result<InFlightRecord> {
        let give_up = Instant::now() + caller.time_left(SETTLE_LIMIT);
        let mut pause = FIRST_PAUSE;
        loop {
            self.settle_dead_process(caller, row, &busy).await?;
            if Instant::now() >= give_up {
                // The owner waits and retries, so the transaction must not expire before.
                self.touch(&self.refreshed(row).await?).await?;
                let what = format!("another request for {:?} is in progress", busy.slot.path);
                return Err(Error::new(Kind::WriteInDoubt, format!("{what}: retry after the delay in RetryInfo"))
                    .retry_in(LONGEST_PAUSE));
            }
            tokio::time::sleep(pause.min(give_up - Instant::now())).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            match self.in_flight.record(&row.branch, paths).await? {
                Ok(record) => return Ok(record),
                Err(again) => busy = again,
            }
        }
    }

    /// If the process that sent the other request is dead, ensures that the request cannot affect the transaction any more.
    async fn settle_dead_process(self: &Arc<Self>, caller: &Caller, row: &Transaction, busy: &Busy) -> Result<()> {
        let Some(process) = &busy.process else { return Ok(()) };
        let Some(dead_for) = self.store.dead_for(process).await? else { return Ok(()) };
        let settle = millis(self.timing.settle);
        if dead_for >= settle {
            return Ok(self.store.erase(process, std::slice::from_ref(&busy.slot)).await?);
        }
        if let Err(error) = replace_branch(self, caller, row).await {
            tracing::warn!(%error, transaction.id = %row.id, "cannot replace the branch of a transaction now");
            self.touch(&self.refreshed(row).await?).await?;
            let what = format!(
                "a request for {:?} of a server process that died may still take effect, and the branch of the transaction cannot be \
                 replaced ({error})",
                busy.slot.path
            );
            return Err(unsettled(&what, duration(settle - dead_for)));
        }
        let now = self.refreshed(row).await?;
        match now.state == State::Open && now.branch == row.branch {
            // Another call is replacing the branch.
            true => Ok(()),
            false => Err(self.moved_on(row).await),
        }
    }
}
