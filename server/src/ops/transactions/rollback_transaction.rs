//! `TransactionService.RollbackTransaction`.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::fault;
use crate::ops::context::Ops;
use crate::ops::errors::not_open;
use crate::ops::transactions::clean::clean;
use lakeport_transactions::{State, Transaction};
use lakeport_types::TransactionId;

/// Rolls a transaction back. Its branch is deleted now, or later by the janitor. A finished transaction that was not
/// committed is returned as it is.
///
/// # Errors
/// `TransactionNotFound`, `TransactionCommitted`, `TransactionCommitting`.
pub async fn rollback_transaction(ops: &Ops, caller: &Caller, id: &TransactionId) -> Result<Transaction> {
    loop {
        let now = ops.owned_or_beginning(caller, id).await?;
        match now.state {
            State::Open => {}
            State::RolledBack | State::Expired => return Ok(now),
            other => return Err(not_open(&now, other)),
        }
        if !now.is_unattended() {
            return Err(Error::new(
                Kind::TransactionCommitting,
                format!("a commit inside transaction {id} is in progress: roll back when it has finished"),
            )
            .retry_in(std::time::Duration::from_millis(200)));
        }
        let next = now.rolled_back().map_err(|state| not_open(&now, state.0))?;
        fault::before("rolled back").await;
        if let Some(ended) = ops.store.swap(&now, next).await? {
            fault::after("rolled back").await;
            return Ok(clean(ops, &caller.lakefs, ended).await);
        }
    }
}
