//! `TransactionService.ListTransactions`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Ops;
use lakeport_transactions::{Filter, Millis, Transaction};

/// Returns at most `limit` transactions of the caller that match the filter, newest first, starting after the position
/// `after`.
///
/// # Errors
/// `SessionStoreUnavailable` if the store fails.
pub async fn list_transactions(
    ops: &Ops,
    caller: &Caller,
    filter: &Filter,
    after: Option<(Millis, String)>,
    limit: usize,
) -> Result<Vec<Transaction>> {
    Ok(ops.store.list(&caller.principal, filter, after, limit).await?)
}
