//! Tracks calls in flight, for a server that exits when idle. Connections and calls for health and reflection do not count.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The calls in flight.
#[derive(Clone)]
pub struct Activity(Arc<Mutex<Calls>>);

struct Calls {
    in_flight: usize,
    /// End of the last call, or start of the server.
    last: Instant,
}

/// A call in flight. Dropped at the end of the response.
pub(super) struct ActiveCall(Activity);

impl Default for Activity {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Calls { in_flight: 0, last: Instant::now() })))
    }
}

impl Activity {
    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self) -> ActiveCall {
        self.calls().in_flight += 1;
        ActiveCall(self.clone())
    }

    /// Returns once no call has been in flight for `span`.
    pub async fn idle_for(&self, span: Duration) {
        while !self.is_idle_for(span) {
            sleep_until(self.earliest_idle(span)).await;
        }
    }

    /// Returns whether no call has been in flight for `span`.
    pub fn is_idle_for(&self, span: Duration) -> bool {
        self.earliest_idle(span) <= Instant::now()
    }

    /// Returns the earliest time at which the idle time of the server can reach `span`.
    fn earliest_idle(&self, span: Duration) -> Instant {
        let calls = self.calls();
        let last = if calls.in_flight > 0 { Instant::now() } else { calls.last };
        last + span
    }
}

impl Drop for ActiveCall {
    fn drop(&mut self) {
        let mut calls = self.0.calls();
        calls.in_flight -= 1;
        calls.last = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn idle_time_starts_at_the_end_of_the_last_call() {
        let (activity, began) = (Activity::default(), Instant::now());
        let (long, short) = (activity.begin(), activity.begin());
        let ending = async {
            tokio::time::sleep(SPAN / 2).await;
            drop(short);
            tokio::time::sleep(SPAN * 2).await;
            assert!(!activity.is_idle_for(SPAN), "a call is in flight");
            drop(long);
        };
        tokio::join!(activity.idle_for(SPAN), ending);
        assert_eq!(began.elapsed(), SPAN * 2 + SPAN / 2 + SPAN);
        drop(activity.begin());
        assert!(!activity.is_idle_for(SPAN), "a call was in flight a moment ago");
    }
}
