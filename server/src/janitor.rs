//! The janitor expires overdue transactions, resolves commits without a worker, and cleans finished transactions. Every
//! replica runs it: each step is a compare-and-set.

use crate::auth::Access;
use crate::error::Result;
use crate::ops::context::Shared;
use crate::ops::transactions::clean::clean;
use crate::ops::transactions::commit_transaction::resolve_abandoned;
use crate::ops::transactions::expire::expire;
use crate::timing::millis;
use futures_util::{StreamExt, stream};
use lakeport_transactions::{State, Tally, Transaction};
use metrics::{counter, describe_counter, describe_gauge, gauge};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// Maximum number of transactions per round.
const BATCH: u32 = 50;
/// Maximum number of transactions that a round processes concurrently.
const CONCURRENCY: usize = 8;
/// Maximum number of commits that are resolved concurrently. Each may wait for more than a minute.
const MAX_RESOLVING: usize = 64;

/// Runs the janitor until `stop` is cancelled.
pub async fn run(ops: Shared, stop: CancellationToken) {
    let resolving = Arc::new(Semaphore::new(MAX_RESOLVING));
    while !stop.is_cancelled() {
        match round(&ops, &resolving).await {
            // There are more transactions, and this round made progress.
            Ok(Round::Full) => continue,
            Ok(Round::Last) => {}
            Err(error) => tracing::warn!(%error, "a round of the janitor failed; trying again later"),
        }
        // The loop condition checks whether this was a cancellation.
        let _ = tokio::time::timeout(ops.timing.janitor, stop.cancelled()).await;
    }
}

/// Stores heartbeats of this replica until `stop` is cancelled, independently of the janitor's requests to lakeFS.
/// After a downtime of the whole service, the store extends all open transactions, since no client could renew them.
pub async fn beats(ops: Shared, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match ops.store.heartbeat().await {
            Ok(0) => {}
            Ok(extended) => tracing::info!(transactions = extended, "extended open transactions after a downtime"),
            Err(error) => tracing::warn!(%error, "cannot store the heartbeat of this replica"),
        }
        let _ = tokio::time::timeout(ops.timing.janitor, stop.cancelled()).await;
    }
}

/// Result of a round.
enum Round {
    /// The batch was full and made progress, so the next round follows at once.
    Full,
    /// The next round follows after the interval.
    Last,
}

async fn round(ops: &Shared, resolving: &Arc<Semaphore>) -> Result<Round> {
    // After a downtime, owners get time to return before their transactions expire.
    ops.store.heartbeat().await?;
    // The store selects at random, so that replicas rarely get the same rows, and no row waits forever.
    let due = ops.store.due(millis(ops.timing.grace), BATCH.into()).await?;
    let is_full = due.len() == BATCH as usize;
    let done = AtomicUsize::new(0);
    // Concurrently, so that one slow request to lakeFS does not delay the other transactions.
    stream::iter(due)
        .for_each_concurrent(CONCURRENCY, async |row| match process(ops, row, resolving).await {
            Ok(Processed::Done) => _ = done.fetch_add(1, Ordering::Relaxed),
            Ok(Processed::Later) => {}
            Err(error) => {
                tracing::warn!(%error, "the janitor failed at a transaction; trying again later");
                count("failed");
            }
        })
        .await;
    let forgotten = ops.store.forget(millis(ops.timing.remember)).await?;
    counter!("lakeport_janitor_total", "did" => "forgotten").increment(forgotten);
    ops.store.forget_expired_requests().await?;
    ops.store.forget_requests_in_flight().await?;
    report(ops.store.tally().await?);
    // Without progress, e.g. while lakeFS is unavailable, the next round waits.
    Ok(if is_full && done.into_inner() * 2 > BATCH as usize { Round::Full } else { Round::Last })
}

/// Registers the descriptions of the metrics.
pub fn describe() {
    describe_counter!(
        "lakeport_janitor_total",
        "Actions of the janitor: transactions expired, cleaned or forgotten (deleted after their retention); abandoned \
         commits resolved as committed, open again, left to their owners (committing) or expired; and failed actions."
    );
    describe_gauge!(
        "lakeport_transactions",
        "Transactions in the session store by state. open waits for the owner, overdue and unclean for the janitor, \
         committing for a worker, unattended for the owner or the janitor. Every replica reports the same values."
    );
}

fn count(action: &'static str) {
    counter!("lakeport_janitor_total", "did" => action).increment(1);
}

fn report(tally: Tally) {
    let Tally { open, overdue, committing, unattended, unclean } = tally;
    let all = [
        ("open", open),
        ("overdue", overdue),
        ("committing", committing),
        ("unattended", unattended),
        ("unclean", unclean),
    ];
    for (state, count) in all {
        // A float is exact up to 2^53, which is more than any database holds.
        gauge!("lakeport_transactions", "state" => state).set(count as f64);
    }
}

/// Returns whether the service may finish a commit: its permissions are those of the owner.
async fn may_finish(ops: &Shared, row: &Transaction) -> bool {
    match ops.access {
        Access::Service | Access::Token(_) => true,
        Access::PassThrough => false,
        Access::PassThroughOrService => ops.service.user().await.is_ok_and(|user| user.id == row.owner),
    }
}

/// Result for a transaction that was due.
enum Processed {
    /// It is no longer due.
    Done,
    /// It is still due or will be due again, or another replica works on it.
    Later,
}

async fn process(ops: &Shared, row: Transaction, resolving: &Arc<Semaphore>) -> Result<Processed> {
    // The row may be old, since earlier transactions of the round may have taken long.
    let row = ops.refreshed(&row).await?;
    match row.state {
        State::Open => {
            if expire(ops, &row, millis(ops.timing.grace)).await? {
                count("expired");
                return Ok(Processed::Done);
            }
        }
        // A fence can take more than a minute. Its task holds the lease of the row, so the next round of the janitor skips the row.
        State::Committing => {
            let Ok(permit) = Arc::clone(resolving).try_acquire_owned() else { return Ok(Processed::Later) };
            let task_ops = ops.clone();
            let task = async move {
                let _permit = permit;
                let may_finish = may_finish(&task_ops, &row).await;
                match resolve_abandoned(&task_ops, &row, may_finish).await {
                    Ok(Some(state)) => count(state.as_str()),
                    Ok(None) => {}
                    Err(error) => {
                        tracing::warn!(%error, "cannot resolve an abandoned commit now; trying again later");
                        count("failed");
                    }
                }
            };
            ops.tasks.spawn(task.instrument(tracing::info_span!("resolve")));
        }
        State::Committed | State::RolledBack | State::Expired if row.is_clean || !row.is_free() => {}
        State::Committed | State::RolledBack | State::Expired => {
            // The claim keeps other replicas from sending the same requests.
            let claim = row.postponed_until(row.read_at + ops.worker.lease);
            if let Some(claimed) = ops.store.swap(&row, claim).await? {
                let is_clean = clean(ops, &ops.service, claimed).await.is_clean;
                count(if is_clean { "cleaned" } else { "failed" });
                return Ok(if is_clean { Processed::Done } else { Processed::Later });
            }
        }
    }
    Ok(Processed::Later)
}
