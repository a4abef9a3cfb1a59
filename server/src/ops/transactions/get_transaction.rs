//! `TransactionService.GetTransaction`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Ops;
use lakeport_transactions::Transaction;
use lakeport_types::TransactionId;

/// Returns a transaction of the caller.
///
/// # Errors
/// `TransactionNotFound`.
pub async fn get_transaction(ops: &Ops, caller: &Caller, id: &TransactionId) -> Result<Transaction> {
    ops.owned(caller, id).await
}
