//! Expiry of an open transaction.

use crate::error::Result;
use crate::fault;
use crate::ops::context::Ops;
use crate::ops::transactions::clean::clean;
use lakeport_transactions::{Millis, Transaction};

/// Expires an open transaction that is overdue by `grace`, in milliseconds. If a renewal is stored first, the
/// transaction stays open. Returns whether it expired.
///
/// # Errors
/// `SessionStoreUnavailable` if the store fails.
pub async fn expire(ops: &Ops, transaction: &Transaction, grace: Millis) -> Result<bool> {
    let Ok(next) = transaction.expired(&ops.worker) else { return Ok(false) };
    fault::before("expired").await;
    let Some(ended) = ops.store.swap_overdue(transaction, next, grace).await? else { return Ok(false) };
    fault::after("expired").await;
    clean(ops, &ops.service, ended).await;
    Ok(true)
}
