//! Records the requests that change a path in a transaction before they are sent.
//!
//! Only one such request for a path is on its way at a time, so that a request that its caller has abandoned cannot take effect after a
//! later one. If the process that sent a request died, the transaction continues on a new branch, which the request cannot change.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::Ops;
use crate::ops::errors::{SETTLE_LIMIT, not_open, unsettled};
use crate::ops::replace_branch::replace_branch;
use crate::ops::writing::Writing;
use crate::timing::{duration, millis};
use lakeport_transactions::{Busy, InFlightRecord, Slot, State, Transaction};
use lakeport_types::ObjectPath;
use std::collections::{BTreeMap, HashSet};
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
            if let Some(process) = &busy.process
                && self.settle_dead_process(caller, row, &busy.slot, process).await?.is_some()
            {
                return Err(self.moved_on(row).await);
            }
            self.pause_before_retry(row, &busy.slot, &mut pause, give_up).await?;
            match self.in_flight.record(&row.branch, paths).await? {
                Ok(record) => return Ok(record),
                Err(again) => busy = again,
            }
        }
    }

    /// Waits until no other process has a request for these paths on its way. If a process that has a request for any path of the
    /// transaction is dead, the transaction continues on another branch: a write that began before would have to be repeated then.
    /// Returns the place of the write, as it is then.
    ///
    /// # Errors
    /// As [`record_in_flight`](Self::record_in_flight).
    pub(in crate::ops) async fn after_other_requests(
        self: &Arc<Self>,
        caller: &Caller,
        writing: Writing,
        paths: &[ObjectPath],
    ) -> Result<Writing> {
        let Some(row) = writing.transaction.clone() else { return Ok(writing) };
        let paths: HashSet<&str> = paths.iter().map(ObjectPath::as_str).collect();
        let give_up = Instant::now() + caller.time_left(SETTLE_LIMIT);
        let mut pause = FIRST_PAUSE;
        loop {
            let others = self.store.records_of_others(&row.branch, &self.worker.name).await?;
            let (own, others): (Vec<_>, Vec<_>) =
                others.into_iter().partition(|(slot, _)| paths.contains(slot.path.as_str()));
            let moved = match own.first() {
                Some((slot, process)) => self.settle_dead_process(caller, &row, slot, process).await?,
                None => self.settle_dead_processes(caller, &row, others).await,
            };
            if let Some(now) = moved {
                if now.state != State::Open {
                    return Err(not_open(&now, now.state));
                }
                let branch = now.branch.clone();
                return Ok(Writing { branch, transaction: Some(Arc::new(now)), has_other_requests: false, ..writing });
            }
            let Some((slot, _)) = own.first() else { return Ok(Writing { has_other_requests: false, ..writing }) };
            self.pause_before_retry(&row, slot, &mut pause, give_up).await?;
        }
    }

    /// Pauses before another look at the request that has this slot.
    ///
    /// # Errors
    /// `WriteInDoubt` after `give_up`.
    async fn pause_before_retry(
        &self,
        row: &Transaction,
        slot: &Slot,
        pause: &mut Duration,
        give_up: Instant,
    ) -> Result<()> {
        let left = give_up.saturating_duration_since(Instant::now());
        if left.is_zero() {
            // The owner waits and retries, so the transaction must not expire before.
            self.touch(&self.refreshed(row).await?).await?;
            let message =
                format!("another request for {:?} is in progress: retry after the delay in RetryInfo", slot.path);
            return Err(Error::new(Kind::WriteInDoubt, message).retry_in(LONGEST_PAUSE));
        }
        tokio::time::sleep(left.min(*pause)).await;
        *pause = (*pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }

    /// Tries the same for requests that do not change the paths of the caller, who can go on without it.
    async fn settle_dead_processes(
        self: &Arc<Self>,
        caller: &Caller,
        row: &Transaction,
        requests: Vec<(Slot, String)>,
    ) -> Option<Transaction> {
        if row.replacement_failed {
            return None;
        }
        let processes: BTreeMap<String, Slot> = requests.into_iter().map(|(slot, process)| (process, slot)).collect();
        for (process, slot) in processes {
            match self.settle_dead_process(caller, row, &slot, &process).await {
                Ok(None) => {}
                Ok(Some(now)) => return Some(now),
                Err(error) => {
                    tracing::warn!(%error, transaction.id = %row.id, "a write goes on beside the requests of a dead process");
                    return None;
                }
            }
        }
        None
    }

    /// If the process that has a slot is dead, ensures that its request cannot affect the transaction any more. Returns the row if the
    /// transaction does not continue on the same branch.
    async fn settle_dead_process(
        self: &Arc<Self>,
        caller: &Caller,
        row: &Transaction,
        slot: &Slot,
        process: &str,
    ) -> Result<Option<Transaction>> {
        let Some(dead_for) = self.store.dead_for(process).await? else { return Ok(None) };
        let settle = millis(self.timing.settle);
        if dead_for >= settle {
            self.store.erase(process, std::slice::from_ref(slot)).await?;
            return Ok(None);
        }
        if let Err(error) = replace_branch(self, caller, row).await {
            tracing::warn!(%error, transaction.id = %row.id, "cannot replace the branch of a transaction now");
            self.touch(&self.refreshed(row).await?).await?;
            let what = format!(
                "a request for {:?} of a server process that died may still take effect, and the branch of the transaction cannot be \
                 replaced ({error})",
                slot.path
            );
            return Err(unsettled(&what, duration(settle - dead_for)));
        }
        // Another call may be replacing the branch.
        let now = self.after_replacement(caller, self.refreshed(row).await?).await?;
        let is_same = now.state == State::Open && now.branch == row.branch;
        Ok((!is_same).then_some(now))
    }
}
