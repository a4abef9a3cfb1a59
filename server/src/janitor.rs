//! Ends what is overdue, resolves what nobody works on, and cleans up after what has ended. Any replica may do it: every step is
//! a compare-and-set.

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

/// How many it takes up in one round.
const BATCH: u32 = 50;
/// And how many of them at once.
const AT_ONCE: usize = 8;
/// Commits that it resolves at once, each of which may wait for a minute.
const RESOLVED_AT_ONCE: usize = 64;

/// Works until told to stop.
pub async fn run(ops: Shared, stop: CancellationToken) {
    let resolving = Arc::new(Semaphore::new(RESOLVED_AT_ONCE));
    while !stop.is_cancelled() {
        match round(&ops, &resolving).await {
            // There is more, and it goes forward.
            Ok(Round::Full) => continue,
            Ok(Round::Last) => {}
            Err(error) => tracing::warn!(%error, "the janitor cannot work now"),
        }
        // Cancelled or not, the loop looks.
        let _ = tokio::time::timeout(ops.timing.janitor, stop.cancelled()).await;
    }
}

/// Says until told to stop that this replica is there, however slow lakeFS is with what the janitor does. Nobody could reach the
/// service while all of it was away, so nothing is overdue for that.
pub async fn beats(ops: Shared, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match ops.store.beat().await {
            Ok(0) => {}
            Ok(given) => tracing::info!(transactions = given, "given time again after a downtime"),
            Err(error) => tracing::warn!(%error, "the session store does not hear that this replica is there"),
        }
        let _ = tokio::time::timeout(ops.timing.janitor, stop.cancelled()).await;
    }
}

/// Whether more of the same waits.
enum Round {
    Full,
    Last,
}

async fn round(ops: &Shared, resolving: &Arc<Semaphore>) -> Result<Round> {
    // In an order of its own, so that replicas meet at few rows, and none is passed over for ever.
    let due = ops.store.due(millis(ops.timing.grace), BATCH.into()).await?;
    let is_full = due.len() == BATCH as usize;
    let ended = AtomicUsize::new(0);
    // One that lakeFS is slow with must not hold up the others.
    stream::iter(due)
        .for_each_concurrent(AT_ONCE, async |row| match deal_with(ops, row, resolving).await {
            Ok(Dealt::Done) => _ = ended.fetch_add(1, Ordering::Relaxed),
            Ok(Dealt::Later) => {}
            Err(error) => {
                tracing::warn!(%error, "the janitor cannot deal with a transaction now");
                did("failed");
            }
        })
        .await;
    let forgotten = ops.store.forget(millis(ops.timing.remember)).await?;
    counter!("lakeport_janitor_total", "did" => "forgotten").increment(forgotten);
    tell(ops.store.tally().await?);
    // Where little is done, as when lakeFS is away, there is no haste.
    Ok(if is_full && ended.into_inner() * 2 > BATCH as usize { Round::Full } else { Round::Last })
}

/// Says what each metric means.
pub fn describe() {
    describe_counter!(
        "lakeport_janitor_total",
        "What the janitor did: transactions expired, cleaned, forgotten; abandoned commits found committed, open again, left to their \
         owners (committing) or expired; and how often it failed."
    );
    describe_gauge!(
        "lakeport_transactions",
        "Transactions in the session store, by whom they wait for: open (their owners), overdue and unclean (the janitor), \
         committing (a worker), unattended (their owners or the janitor). Every replica says the same."
    );
}

fn did(what: &'static str) {
    counter!("lakeport_janitor_total", "did" => what).increment(1);
}

fn tell(tally: Tally) {
    let Tally { open, overdue, committing, unattended, unclean } = tally;
    let all = [
        ("open", open),
        ("overdue", overdue),
        ("committing", committing),
        ("unattended", unattended),
        ("unclean", unclean),
    ];
    for (state, count) in all {
        // More than 2^52 do not fit any database.
        gauge!("lakeport_transactions", "state" => state).set(count as f64);
    }
}

/// Whether the service's own right is that of the owner: then nobody else has to come back for the commit.
async fn may_finish(ops: &Shared, row: &Transaction) -> bool {
    match ops.access {
        Access::Service | Access::Token(_) => true,
        Access::PassThrough => false,
        Access::PassThroughOrService => ops.service.user().await.is_ok_and(|user| user.id == row.owner),
    }
}

/// What became of a row that was due.
enum Dealt {
    /// It is not due any more.
    Done,
    /// It is, or will be; or another replica has it.
    Later,
}

async fn deal_with(ops: &Shared, row: Transaction, resolving: &Arc<Semaphore>) -> Result<Dealt> {
    // Others of the round may have taken long.
    let row = ops.refreshed(&row).await?;
    match row.state {
        State::Open => {
            if expire(ops, &row, millis(ops.timing.grace)).await? {
                did("expired");
                return Ok(Dealt::Done);
            }
        }
        // A fence takes more than a minute. Its task has the row's lease, so the next round leaves it alone.
        State::Committing => {
            let Ok(place) = Arc::clone(resolving).try_acquire_owned() else { return Ok(Dealt::Later) };
            let task_ops = ops.clone();
            let task = async move {
                let _place = place;
                let may_finish = may_finish(&task_ops, &row).await;
                match resolve_abandoned(&task_ops, &row, may_finish).await {
                    Ok(Some(state)) => did(state.as_str()),
                    Ok(None) => {}
                    Err(error) => {
                        tracing::warn!(%error, "an abandoned commit cannot be resolved now");
                        did("failed");
                    }
                }
            };
            ops.tasks.spawn(task.instrument(tracing::info_span!("resolve")));
        }
        State::Committed | State::RolledBack | State::Expired if row.is_clean || !row.is_free() => {}
        State::Committed | State::RolledBack | State::Expired => {
            // Claimed, so that no other replica sends the same requests.
            let claim = row.left_alone_until(row.read_at + ops.worker.lease);
            if let Some(claimed) = ops.store.swap(&row, claim).await? {
                let is_clean = clean(ops, &ops.service, claimed).await.is_clean;
                did(if is_clean { "cleaned" } else { "failed" });
                return Ok(if is_clean { Dealt::Done } else { Dealt::Later });
            }
        }
    }
    Ok(Dealt::Later)
}
