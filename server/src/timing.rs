//! Timeouts and intervals that replicas rely on for each other and for lakeFS.

use lakeport_transactions::Millis;
use std::time::Duration;

/// Timeouts and intervals.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Time after which an abandoned request to lakeFS can no longer take effect: lakeFS's own attempts at a merge,
    /// plus a margin. Default 70 s.
    pub settle: Duration,
    /// Length of a worker's lease on a row. The worker renews it while it works, so this is the time for which a dead
    /// worker blocks others. Default 15 s.
    pub lease: Duration,
    /// Time between the timeout of a transaction and its expiry by the janitor. Default 30 s.
    pub grace: Duration,
    /// Interval of the janitor. Default 2 s.
    pub janitor: Duration,
    /// Delay before the janitor processes a transaction again that it could not clean, or whose owner may continue the
    /// commit. Default 30 s.
    pub postponement: Duration,
    /// Retention of finished transactions. Default 24 h.
    pub remember: Duration,
}

/// Margin added to lakeFS's merge timeout.
const MARGIN: Duration = Duration::from_secs(10);

impl Default for Timing {
    fn default() -> Self {
        Self {
            settle: Duration::from_secs(70),
            lease: Duration::from_secs(15),
            grace: Duration::from_secs(30),
            janitor: Duration::from_secs(2),
            postponement: Duration::from_secs(30),
            remember: Duration::from_secs(24 * 3600),
        }
    }
}

impl Timing {
    /// Returns the values for a lakeFS that works on a merge for at most `merge_timeout`.
    pub(crate) fn of(merge_timeout: Duration, remember: Duration) -> Self {
        Self { settle: merge_timeout + MARGIN, remember, ..Self::default() }
    }

    /// Shortens all times except the retention for tests: `LAKEPORT_HASTE=40` divides by 40, and `lease` and `janitor`
    /// by at most 10.
    #[cfg(all(feature = "fault-points", debug_assertions))]
    #[must_use]
    pub fn hastened(self) -> Self {
        let haste = std::env::var("LAKEPORT_HASTE").ok().and_then(|haste| haste.parse().ok()).unwrap_or(1);
        Self {
            settle: self.settle / haste,
            lease: self.lease / haste.min(10),
            grace: self.grace / haste,
            janitor: self.janitor / haste.min(10),
            postponement: self.postponement / haste,
            remember: self.remember,
        }
    }
}

/// Converts to a span of the database's clock.
pub(crate) fn millis(span: Duration) -> Millis {
    Millis::try_from(span.as_millis()).unwrap_or(Millis::MAX)
}

/// Converts from a span of the database's clock. A negative span becomes zero.
pub(crate) fn duration(span: Millis) -> Duration {
    Duration::from_millis(u64::try_from(span).unwrap_or_default())
}
