//! Detects that a server is idle, for `--exit-when-idle`.

use crate::edge::Activity;
use crate::ops::context::Ops;
use std::time::Duration;

/// Interval of the checks for unfinished transactions. A transaction ends by a call or by its idle timeout, and neither is
/// signalled here.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// Returns once no call has been in flight for `span`, and no transaction is open or being committed.
pub async fn idle(ops: &Ops, activity: &Activity, span: Duration) {
    loop {
        activity.idle_for(span).await;
        match ops.store.tally().await {
            // A call may have started during the query of the store, so the activity is checked again.
            Ok(tally) if tally.live() == 0 && activity.is_idle_for(span) => return,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "cannot check for open transactions: the server keeps running"),
        }
        tokio::time::sleep(span.min(CHECK_INTERVAL)).await;
    }
}
