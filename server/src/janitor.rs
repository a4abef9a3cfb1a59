//! Ends what is overdue, resolves what nobody works on, and cleans up after what has ended. Any replica may do it: every step is
//! a compare-and-set.

use crate::error::Result;
use crate::ops::{Access, Shared, clean, expire, resolve_abandoned};
use crate::timing::millis;
use futures_util::{StreamExt, stream};
use lakeport_session::{Millis, State, Transaction};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// How many it takes up in one round.
const BATCH: i64 = 50;
/// And how many of them at once.
const AT_ONCE: usize = 8;
/// How long what has ended is remembered.
const REMEMBERED: Millis = 24 * 3600 * 1000;

/// Works until told to stop.
pub async fn run(ops: Shared, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = round(&ops).await {
            tracing::warn!(%error, "the janitor cannot work now");
        }
        // Cancelled or not, the loop looks.
        let _ = tokio::time::timeout(ops.timing.janitor, stop.cancelled()).await;
    }
}

async fn round(ops: &Shared) -> Result<()> {
    // Nobody could reach the service while all of it was away, so nothing is overdue for that.
    let given = ops.store.beat().await?;
    if given > 0 {
        tracing::info!(transactions = given, "given time again after a downtime");
    }
    let due = stream::iter(ops.store.due(millis(ops.timing.grace), BATCH).await?);
    // One that lakeFS is slow with must not hold up the others.
    due.for_each_concurrent(AT_ONCE, async |row| {
        if let Err(error) = deal_with(ops, row).await {
            tracing::warn!(%error, "the janitor cannot deal with a transaction now");
        }
    })
    .await;
    ops.store.forget(REMEMBERED).await?;
    Ok(())
}

/// Whether the service's own right is that of the owner: then nobody else has to come back for the commit.
async fn may_finish(ops: &Shared, row: &Transaction) -> bool {
    match ops.access {
        Access::Service => true,
        Access::PassThrough => false,
        Access::PassThroughOrService => ops.service.user().await.is_ok_and(|user| user.id == row.owner),
    }
}

async fn deal_with(ops: &Shared, row: Transaction) -> Result<()> {
    match row.state {
        State::Open => {
            expire(ops, &row, millis(ops.timing.grace)).await?;
        }
        // A fence takes more than a minute. Its task has the row's lease, so the next round leaves it alone.
        State::Committing => {
            let task_ops = ops.clone();
            let task = async move {
                let may_finish = may_finish(&task_ops, &row).await;
                if let Err(error) = resolve_abandoned(&task_ops, &row, may_finish).await {
                    tracing::warn!(%error, "an abandoned commit cannot be resolved now");
                }
            };
            ops.tasks.spawn(task.instrument(tracing::info_span!("resolve")));
        }
        State::Committed | State::RolledBack | State::Expired => {
            clean(ops, &ops.service, row).await;
        }
    }
    Ok(())
}
