//! Reads rows of transactions for operations, and renews their idle timeouts.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::Ops;
use crate::ops::errors::{not_open, on_another_branch, unknown_transaction};
use lakeport_transactions::{Millis, State, Transaction};
use lakeport_types::TransactionId;
use std::time::Duration;

/// A renewal is written only if it moves the expiry by at least this fraction of the idle timeout: a tenth.
const RENEWAL_PART: Millis = 10;

/// Interval at which the row of a commit without a prepared commit is read, since another process may write it.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

impl Ops {
    /// Returns a transaction of this caller. Transactions of other owners are reported as not found, and so are
    /// transactions whose begin has not completed.
    ///
    /// # Errors
    /// `TransactionNotFound`.
    pub async fn owned(&self, caller: &Caller, id: &TransactionId) -> Result<Transaction> {
        let found = self.owned_or_beginning(caller, id).await?;
        if found.is_beginning() { Err(unknown_transaction(id)) } else { Ok(found) }
    }

    /// Returns a transaction of this caller, even if its begin has not completed.
    ///
    /// # Errors
    /// `TransactionNotFound`.
    pub(in crate::ops) async fn owned_or_beginning(&self, caller: &Caller, id: &TransactionId) -> Result<Transaction> {
        self.store.get(&caller.principal, id).await?.ok_or_else(|| unknown_transaction(id))
    }

    /// Returns the current row of a transaction.
    ///
    /// # Errors
    /// `TransactionNotFound` if the row no longer exists.
    pub async fn refreshed(&self, transaction: &Transaction) -> Result<Transaction> {
        let now = self.store.get(&transaction.owner, &transaction.id).await?;
        now.ok_or_else(|| unknown_transaction(&transaction.id))
    }

    /// Renews the idle timeout of a transaction during a long call. Reads the current row first.
    pub async fn keep_alive(&self, transaction: Option<&Transaction>) -> Result<()> {
        match transaction {
            Some(transaction) => self.touch(&self.refreshed(transaction).await?).await,
            None => Ok(()),
        }
    }

    /// Renews the idle timeout of an open transaction for a call in it.
    pub(in crate::ops) async fn touch(&self, transaction: &Transaction) -> Result<()> {
        if transaction.state == State::Open {
            self.store.renew(transaction, transaction.options.idle_timeout / RENEWAL_PART).await?;
        }
        Ok(())
    }

    /// Waits until a committing transaction has stored its prepared commit, or is finished, or is open and its branch is not being replaced.
    ///
    /// # Errors
    /// As [`refreshed`](Self::refreshed).
    pub async fn prepared(&self, transaction: &Transaction) -> Result<Transaction> {
        let mut writes = self.store.watch(&transaction.id);
        loop {
            let now = self.refreshed(transaction).await?;
            let is_preparing = now.state == State::Committing && now.prepared_commit_id.is_none();
            if !is_preparing && !now.is_changing_branch() {
                return Ok(now);
            }
            writes.next(POLL_INTERVAL).await;
        }
    }

    /// Returns the error for a missing branch of a transaction: the transaction is finished, or continues on another
    /// branch, or the branch was deleted.
    pub(in crate::ops) async fn moved_on(&self, before: &Transaction) -> Error {
        match self.refreshed(before).await {
            Ok(now) if now.state == State::Open && now.branch == before.branch => Error::new(
                Kind::RefNotFound,
                format!("the branch of transaction {} and its writes were deleted: roll back", now.id),
            ),
            Ok(now) if now.state == State::Open => on_another_branch(&now),
            Ok(now) => not_open(&now, now.state),
            Err(error) => error,
        }
    }
}
