//! `TransactionService.ListTransactions`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Ops;
use lakeport_transactions::{Filter, Millis, Transaction};

/// The caller's transactions, newest first, from behind one, at most `limit`.
///
/// # Errors
/// As every call.
pub async fn list_transactions(
    ops: &Ops,
    caller: &Caller,
    filter: &Filter,
    after: Option<(Millis, String)>,
    limit: usize,
) -> Result<Vec<Transaction>> {
    Ok(ops.store.list(&caller.principal, filter, after, limit).await?)
}
