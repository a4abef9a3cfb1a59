//! Permits: limits on concurrent calls of each kind, in total and per caller.
//!
//! A call holds its permit until the end of the response. While permits are available, a client may pause a stream for any time. If no
//! permit is available for a new call, the server ends a stalled stream of the same kind: one that moved no bytes for [`STALLED`]. It
//! selects the caller that holds the most permits of that kind.

use super::transfer::{Phase, Transfer};
use crate::auth::Access;
use crate::error::{Error, Kind, Result};
use crate::grpc::methods::Class;
use metrics::counter;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// Maximum time that a call waits for a permit.
const QUEUE: Duration = Duration::from_millis(50);
/// Interval at which a waiting call checks the caller's share again.
const STEP: Duration = Duration::from_millis(5);
/// A stream that moves no bytes for this time is stalled.
const STALLED: Duration = Duration::from_secs(30);
/// Timeout to receive a request that is not a stream.
const REQUEST: Duration = Duration::from_secs(60);
/// Interval at which the server checks stalled calls for passed deadlines and timeouts.
const SWEEP: Duration = Duration::from_secs(5);

const CLASSES: [Class; 7] =
    [Class::Unary, Class::Read, Class::Write, Class::Watch, Class::End, Class::Internal, Class::InternalWatch];

impl Class {
    fn permits(self) -> usize {
        match self {
            Self::Unary | Self::End => 512,
            Self::Read | Self::Write | Self::Internal | Self::InternalWatch => 256,
            Self::Watch => 16_384,
        }
    }
}

/// The permits of the server. Clones share them.
#[derive(Clone)]
pub struct Admission(Arc<Inner>);

struct Inner {
    /// A principal may hold the permits of a kind divided by this number, and more while over half of them are free.
    share_divisor: usize,
    permits: HashMap<Class, Arc<Semaphore>>,
    calls: Mutex<Calls>,
}

#[derive(Default)]
struct Calls {
    next: u64,
    /// Number of permits that each principal holds. Only authenticated callers have entries.
    held: HashMap<Key, usize>,
    active: HashMap<u64, (Key, Arc<Transfer>)>,
}

type Key = (Arc<str>, Class);

/// The permit of one call.
pub(super) struct Permit {
    admission: Admission,
    key: Key,
    number: Option<u64>,
    /// Released after `number` is removed.
    _permit: OwnedSemaphorePermit,
}

impl Admission {
    /// Creates all permits. With `Access::PassThrough`, one principal may hold only a share of them.
    pub fn new(access: Access) -> Self {
        let share_divisor = if access == Access::PassThrough { 4 } else { 1 };
        let permits = CLASSES.into_iter().map(|class| (class, Arc::new(Semaphore::new(class.permits()))));
        Self(Arc::new(Inner { share_divisor, permits: permits.collect(), calls: Mutex::default() }))
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Admits a call.
    ///
    /// # Errors
    /// `Overloaded`.
    pub(super) async fn admit(&self, principal: &Arc<str>, class: Class) -> Result<Permit> {
        let key = (Arc::clone(principal), class);
        let share = self.share(&key).await?;
        let permit = self.permit(class).await?;
        Ok(share.with(permit))
    }

    /// Reserves a permit in the caller's share. If the share is used up, ends a stalled stream of the caller and waits for its permit.
    /// Fails at once if the caller has no stalled stream.
    async fn share(&self, key: &Key) -> Result<Share> {
        let mut ended = false;
        for _ in 0..QUEUE.as_millis() / STEP.as_millis() {
            if let Some(share) = self.try_share(key) {
                return Ok(share);
            }
            if !ended && !self.end_stalled(key.1, Some(&key.0)) {
                break;
            }
            if std::mem::replace(&mut ended, true) {
                tokio::time::sleep(STEP).await;
            }
        }
        Err(overloaded("you have"))
    }

    fn try_share(&self, key: &Key) -> Option<Share> {
        let permits = key.1.permits();
        // Callers without credentials share one principal. Their number is limited per connection.
        let divisor = if key.1.is_internal() { 1 } else { self.0.share_divisor };
        let free = self.0.permits.get(&key.1).map_or(0, |permits| permits.available_permits());
        let mut calls = self.calls();
        let held = calls.held.entry(key.clone()).or_default();
        if *held >= permits / divisor && free * 2 <= permits {
            return None;
        }
        *held += 1;
        Some(Share { admission: self.clone(), key: Some(key.clone()) })
    }

    async fn permit(&self, class: Class) -> Result<OwnedSemaphorePermit> {
        let full = || overloaded("the server has");
        let permits = self.0.permits.get(&class).ok_or_else(full)?;
        if let Ok(permit) = Arc::clone(permits).try_acquire_owned() {
            return Ok(permit);
        }
        self.end_stalled(class, None);
        let waiting = tokio::time::timeout(QUEUE, Arc::clone(permits).acquire_owned());
        waiting.await.ok().and_then(|permit| permit.ok()).ok_or_else(full)
    }

    /// Ends one stalled stream of a kind. Prefers the principal with the most permits, then the longest stall. If `holder` is set, only
    /// considers its streams. Returns whether a stream was ended.
    fn end_stalled(&self, class: Class, holder: Option<&Arc<str>>) -> bool {
        let found = {
            let calls = self.calls();
            let of_kind = calls
                .active
                .values()
                .filter(|((principal, kind), _)| *kind == class && holder.is_none_or(|holder| holder == principal));
            let stalled = of_kind.filter_map(|(key, transfer)| {
                let span = transfer.stalled_for().filter(|span| *span >= STALLED)?;
                Some(((calls.held.get(key).copied().unwrap_or_default(), span), Arc::clone(transfer)))
            });
            stalled.max_by_key(|(rank, _)| *rank)
        };
        let Some((_, transfer)) = found else { return false };
        let (why, side) = match transfer.phase() {
            Phase::Request => (Kind::WriterStalled, "writer"),
            Phase::Response => (Kind::ReaderStalled, "reader"),
        };
        counter!("lakeport_rpc_stalled_total", "side" => side).increment(1);
        tracing::info!(side, "ended a stalled stream, because another call needs its permit");
        transfer.end(why);
        true
    }

    /// Ends stalled calls after their deadline or timeout, until `stop` is cancelled. HTTP/2 does not poll a stalled call, so it cannot
    /// end itself.
    pub async fn sweep(self, stop: CancellationToken) {
        while tokio::time::timeout(SWEEP, stop.cancelled()).await.is_err() {
            let expired: Vec<(Kind, Arc<Transfer>)> = {
                let calls = self.calls();
                calls
                    .active
                    .values()
                    .filter_map(|((_, class), transfer)| Some((expiry(*class, transfer)?, Arc::clone(transfer))))
                    .collect()
            };
            for (why, transfer) in expired {
                transfer.end(why);
            }
        }
    }

    /// Ends all calls with `ShuttingDown`.
    pub fn end_all(&self) {
        let all: Vec<Arc<Transfer>> = self.calls().active.values().map(|(_, transfer)| Arc::clone(transfer)).collect();
        for transfer in all {
            transfer.end(Kind::ShuttingDown);
        }
    }
}

/// Returns the error for a stalled call whose deadline or timeout has passed.
fn expiry(class: Class, transfer: &Transfer) -> Option<Kind> {
    let span = transfer.stalled_for()?;
    let is_stream = class == Class::Write;
    match transfer.phase() {
        _ if transfer.is_late() => Some(Kind::DeadlineExceeded),
        Phase::Request if span >= REQUEST && !is_stream => Some(Kind::InvalidField),
        Phase::Request | Phase::Response => None,
    }
}

fn overloaded(who: &str) -> Error {
    Error::new(Kind::Overloaded, format!("{who} the maximum number of calls of this kind in flight: try again"))
}

/// A reserved permit in a caller's share, before the server's permit is acquired.
struct Share {
    admission: Admission,
    key: Option<Key>,
}

impl Share {
    fn with(mut self, permit: OwnedSemaphorePermit) -> Permit {
        let key = self.key.take().unwrap_or_else(|| (Arc::from(""), Class::Unary));
        Permit { admission: self.admission.clone(), key, number: None, _permit: permit }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.admission.calls().release(&key);
        }
    }
}

impl Permit {
    /// Lets the server end this call if it is stalled.
    pub(super) fn watch(&mut self, transfer: &Arc<Transfer>) {
        let mut calls = self.admission.calls();
        calls.next += 1;
        let number = calls.next;
        calls.active.insert(number, (self.key.clone(), Arc::clone(transfer)));
        self.number = Some(number);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut calls = self.admission.calls();
        calls.release(&self.key);
        if let Some(number) = self.number {
            calls.active.remove(&number);
        }
    }
}

impl Calls {
    fn release(&mut self, key: &Key) {
        if let Some(held) = self.held.get_mut(key) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(admission: &Admission, who: &Arc<str>) -> Vec<Permit> {
        let mut held = Vec::new();
        while let Ok(permit) = admission.admit(who, Class::Read).await {
            held.push(permit);
        }
        held
    }

    #[tokio::test(start_paused = true)]
    async fn one_principal_leaves_half_of_the_permits_and_gets_its_own_back() {
        let admission = Admission::new(Access::PassThrough);
        let (greedy, other) = (Arc::from("greedy"), Arc::from("other"));
        let permits = Class::Read.permits();
        let held = all(&admission, &greedy).await;
        assert_eq!(held.len(), permits / 2);
        let others = all(&admission, &other).await;
        assert_eq!(others.len(), permits / 4, "the rest is shared");
        assert!(
            admission.admit(&greedy, Class::End).await.is_ok(),
            "calls that end transactions have separate permits"
        );
        drop((held, others));
        assert!(admission.admit(&greedy, Class::Read).await.is_ok());
        assert!(admission.calls().held.is_empty(), "a holder without permits is still listed");
    }

    #[tokio::test(start_paused = true)]
    async fn one_principal_for_all_callers_may_hold_all_permits() {
        let admission = Admission::new(Access::Service);
        assert_eq!(all(&admission, &Arc::from("lakeport")).await.len(), Class::Read.permits());
    }
}
