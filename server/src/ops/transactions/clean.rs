//! Deletes the branches of a finished transaction.

use crate::error::Result;
use crate::fault;
use crate::ops::branches::delete_branches;
use crate::ops::context::Ops;
use crate::ops::transactions::keep_branch::{Kept, keep, keep_in_place};
use crate::timing::millis;
use lakeport_lakefs::Lakefs;
use lakeport_transactions::{Millis, Transaction};

/// Deletes the branches of a finished transaction, and keeps the branch that its retention asks for. On failure, the
/// janitor tries again later. Returns the stored row.
pub async fn clean(ops: &Ops, lakefs: &Lakefs, ended: Transaction) -> Transaction {
    match try_clean(ops, lakefs, &ended).await {
        Ok(clean) => clean,
        Err(error) => {
            tracing::warn!(transaction.id = %ended.id, %error, "cannot clean a finished transaction; trying again later");
            postpone(ops, ended).await
        }
    }
}

/// Maximum delay before the next attempt to clean a transaction.
const MAX_DELAY: Millis = 3_600_000;

/// Postpones the next attempt to clean a transaction by a quarter of the time since its end, so that transactions that
/// cannot be cleaned do not delay the others.
async fn postpone(ops: &Ops, ended: Transaction) -> Transaction {
    let Ok(now) = ops.refreshed(&ended).await else { return ended };
    // Another replica has taken over the cleanup.
    if now.is_clean || now.version != ended.version && !now.is_free() {
        return now;
    }
    let tried_for = now.end_time.map_or(0, |end| now.read_at - end);
    let shortest = millis(ops.timing.postponement);
    let delay = (tried_for / 4).clamp(shortest, MAX_DELAY.max(shortest));
    let postponed = now.postponed_until(now.read_at + delay);
    // If another writer changed the row first, the newer row stays.
    match ops.store.swap(&now, postponed).await {
        Ok(Some(stored)) => stored,
        _ => now,
    }
}

async fn try_clean(ops: &Ops, lakefs: &Lakefs, ended: &Transaction) -> Result<Transaction> {
    let ended = match keep(ops, lakefs, ended.clone()).await? {
        Kept::Done(row) => row,
        Kept::Refused(row, error) => keep_in_place(ops, lakefs, row, &error).await?,
    };
    fault::before("cleaned").await;
    delete_branches(lakefs, &ended).await?;
    fault::after("cleaned").await;
    // If the response to a branch creation was lost, lakeFS may create the branch after this deletion. The janitor then
    // deletes it later.
    let next = match ended.late_branches_until(millis(ops.timing.settle)) {
        Some(until) => ended.postponed_until(until),
        None => ended.cleaned(),
    };
    match ops.store.swap(&ended, next).await? {
        Some(clean) => Ok(clean),
        None => ops.refreshed(&ended).await,
    }
}
