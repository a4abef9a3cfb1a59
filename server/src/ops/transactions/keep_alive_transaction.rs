//! `TransactionService.KeepAliveTransaction`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Ops;
use crate::ops::errors::not_open;
use lakeport_transactions::{State, Transaction};
use lakeport_types::TransactionId;

/// Restarts the idle timeout of an open transaction.
///
/// # Errors
/// `TransactionNotFound`; for a finished transaction, the error for its state.
pub async fn keep_alive_transaction(ops: &Ops, caller: &Caller, id: &TransactionId) -> Result<Transaction> {
    let transaction = ops.owned(caller, id).await?;
    match transaction.state {
        State::Open => ops.store.renew(&transaction, 1).await?,
        State::Committing => return Ok(transaction),
        ended => return Err(not_open(&transaction, ended)),
    };
    let now = ops.refreshed(&transaction).await?;
    if now.state.is_final() { Err(not_open(&now, now.state)) } else { Ok(now) }
}
