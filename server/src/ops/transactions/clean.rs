//! Deletes the branches of a finished transaction.

use crate::error::Result;
use crate::fault;
use crate::ops::context::Ops;
use crate::ops::transactions::branches::delete_branches;
use crate::ops::transactions::keep_branch::{Kept, keep, left_in_place};
use crate::timing::millis;
use lakeport_lakefs::Lakefs;
use lakeport_transactions::{Millis, Transaction};

/// Deletes the branches of a transaction that has ended, and keeps what is to be kept. A failure is left to the janitor.
pub async fn clean(ops: &Ops, lakefs: &Lakefs, ended: Transaction) -> Transaction {
    match try_clean(ops, lakefs, &ended).await {
        Ok(clean) => clean,
        Err(error) => {
            tracing::warn!(transaction.id = %ended.id, %error, "the branches of an ended transaction are still there");
            later(ops, ended).await
        }
    }
}

/// The longest that one is left alone which could not be cleaned, however often.
const LONGEST_ALONE: Millis = 3_600_000;

/// Leaves a transaction that cannot be cleaned now alone for a while, the longer it could not, so that others get their turn.
async fn later(ops: &Ops, ended: Transaction) -> Transaction {
    let Ok(now) = ops.refreshed(&ended).await else { return ended };
    let tried_for = now.end_time.map_or(0, |end| now.read_at - end);
    let span = (tried_for / 4).clamp(millis(ops.timing.left_alone), LONGEST_ALONE.max(millis(ops.timing.left_alone)));
    let left_alone = now.left_alone_until(now.read_at + span);
    // Whoever was faster has written something newer.
    match ops.store.swap(&now, left_alone).await {
        Ok(Some(stored)) => stored,
        _ => now,
    }
}

async fn try_clean(ops: &Ops, lakefs: &Lakefs, ended: &Transaction) -> Result<Transaction> {
    let ended = match keep(ops, lakefs, ended.clone()).await? {
        Kept::Done(row) => row,
        Kept::Refused(row, error) => left_in_place(ops, lakefs, row, &error).await?,
    };
    fault::before("cleaned").await;
    delete_branches(lakefs, &ended).await?;
    fault::after("cleaned").await;
    // A branch whose answer was lost may be made behind its deletion: then it is deleted again.
    let next = match ended.late_branches_until(millis(ops.timing.settle)) {
        Some(until) => ended.left_alone_until(until),
        None => ended.cleaned(),
    };
    match ops.store.swap(&ended, next).await? {
        Some(clean) => Ok(clean),
        None => ops.refreshed(&ended).await,
    }
}
