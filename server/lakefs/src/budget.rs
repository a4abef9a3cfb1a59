//! Retry budget of a client.

use std::sync::atomic::{AtomicI64, Ordering};

/// Budget that allows retries while most requests succeed.
///
/// The full budget is 100. A failure costs 10, a success restores 1, and retries are allowed while the budget is above 50.
/// During an outage the budget is soon spent, so that retries do not add load.
pub(crate) struct Budget(AtomicI64);

impl Budget {
    const FULL: i64 = 100;
    const FAILURE: i64 = 10;

    /// Records a success.
    pub(crate) fn succeeded(&self) {
        let _ =
            self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| (left < Self::FULL).then_some(left + 1));
    }

    /// Records a failure, and returns whether the budget allows a retry.
    pub(crate) fn failed(&self) -> bool {
        let left =
            self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some((left - Self::FAILURE).max(0)));
        left.unwrap_or_default() > Self::FULL / 2
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicI64::new(Self::FULL))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_use_up_the_budget_and_successes_restore_it() {
        let budget = Budget::default();
        assert_eq!((0..20).filter(|_| budget.failed()).count(), 5);
        (0..60).for_each(|_| budget.succeeded());
        assert!(budget.failed());
    }
}
