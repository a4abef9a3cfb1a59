//! When nobody needs a server any more that was started for one user alone.

use crate::layers::Activity;
use crate::ops::context::Ops;
use std::time::Duration;

/// How often a transaction is looked at that keeps the server, which ends by a call or by its own time.
const LOOK: Duration = Duration::from_secs(5);

/// Returns once no call has been under way for so long, and no transaction is open or being committed.
pub async fn unneeded(ops: &Ops, activity: &Activity, span: Duration) {
    loop {
        activity.rested(span).await;
        match ops.store.tally().await {
            // Looked at again: a call may have come while the store was asked.
            Ok(tally) if tally.live() == 0 && activity.has_rested(span) => return,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "whether a transaction is open cannot be found out now"),
        }
        tokio::time::sleep(span.min(LOOK)).await;
    }
}
