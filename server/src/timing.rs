//! Spans that replicas count on of each other, and of lakeFS.

use lakeport_transactions::Millis;
use std::time::Duration;

/// How long what takes at most, and how long is waited for it.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// How long a request that was sent to lakeFS may still have its effect after it was given up: lakeFS's own tries at a merge, and
    /// some.
    pub settle: Duration,
    /// How long a worker has a row to itself. It renews that while it works, so this is how long a worker that died holds up
    /// others.
    pub lease: Duration,
    /// How long past its end a transaction is let be.
    pub grace: Duration,
    /// How often the janitor looks.
    pub janitor: Duration,
    /// How long what could not be cleaned up, or is left to its owner, is left alone.
    pub left_alone: Duration,
    /// How long what has ended is remembered.
    pub remember: Duration,
}

/// How much longer than a request may take its effect is waited for.
const MARGIN: Duration = Duration::from_secs(10);

impl Default for Timing {
    fn default() -> Self {
        Self {
            settle: Duration::from_secs(70),
            lease: Duration::from_secs(15),
            grace: Duration::from_secs(30),
            janitor: Duration::from_secs(2),
            left_alone: Duration::from_secs(30),
            remember: Duration::from_secs(24 * 3600),
        }
    }
}

impl Timing {
    /// With a lakeFS that may work on a merge for so long.
    pub(crate) fn of(merge_timeout: Duration, remember: Duration) -> Self {
        Self { settle: merge_timeout + MARGIN, remember, ..Self::default() }
    }

    /// The same for tests, which cannot wait for minutes: `LAKEPORT_HASTE=40` makes all of it so many times shorter.
    #[cfg(all(feature = "fault-points", debug_assertions))]
    #[must_use]
    pub fn hastened(self) -> Self {
        let haste = std::env::var("LAKEPORT_HASTE").ok().and_then(|haste| haste.parse().ok()).unwrap_or(1);
        Self {
            settle: self.settle / haste,
            lease: self.lease / haste.min(10),
            grace: self.grace / haste,
            janitor: self.janitor / haste.min(10),
            left_alone: self.left_alone / haste,
            remember: self.remember,
        }
    }
}

/// A span of the database's clock.
pub(crate) fn millis(span: Duration) -> Millis {
    Millis::try_from(span.as_millis()).unwrap_or(Millis::MAX)
}

/// Converts a span of the database's clock.
pub(crate) fn duration(span: Millis) -> Duration {
    Duration::from_millis(u64::try_from(span).unwrap_or_default())
}
