//! Ends what is overdue, resolves what nobody works on, and cleans up after what has ended. Any replica may do it: every step is
//! a compare-and-set.

use crate::ops::{Access, Shared, clean, expire, resolve_abandoned};
use lakeport_session::{Millis, State};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often it looks.
const INTERVAL: Duration = Duration::from_secs(2);
/// How long past its end a transaction is let be.
const GRACE: Millis = 30_000;
/// How many it deals with at once.
const BATCH: i64 = 50;
/// How long what has ended is remembered.
const REMEMBERED: Millis = 24 * 3600 * 1000;

/// Works until told to stop.
pub async fn run(ops: Shared, stop: CancellationToken) {
    // Nobody could reach the service while it was away.
    if let Err(error) = ops.store.grace_after_downtime().await {
        tracing::error!(%error, "transactions cannot be given time after a downtime");
    }
    while !stop.is_cancelled() {
        if let Err(error) = round(&ops).await {
            tracing::warn!(%error, "the janitor cannot work now");
        }
        // Cancelled or not, the loop looks.
        let _ = tokio::time::timeout(INTERVAL, stop.cancelled()).await;
    }
}

async fn round(ops: &Shared) -> crate::error::Result<()> {
    let may_finish = ops.access == Access::Service;
    for row in ops.store.due(GRACE, BATCH).await? {
        match row.state {
            State::Open => {
                expire(ops, &row, GRACE).await?;
                metrics::counter!("lakeport_transactions_expired_total").increment(1);
            }
            State::Committing => resolve_abandoned(ops, &row, may_finish).await?,
            State::Committed | State::RolledBack | State::Expired => {
                clean(ops, &ops.service, row).await;
            }
        }
    }
    ops.store.forget(REMEMBERED).await?;
    Ok(())
}
