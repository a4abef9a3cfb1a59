//! Rows of transactions, as operations look them up and keep them alive.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::Ops;
use crate::ops::errors::{not_open, unknown_transaction};
use lakeport_transactions::{Millis, State, Transaction};
use lakeport_types::TransactionId;
use std::time::Duration;

/// A renewal of the idle time is written when it moves the end by at least a tenth of it.
const RENEWAL_PART: Millis = 10;

/// How often a commit of another process is looked at that has not said yet what it commits.
const PREPARING: Duration = Duration::from_millis(200);

impl Ops {
    /// A transaction of this caller's. Another's is as unknown as none, and so is one that is yet to begin.
    ///
    /// # Errors
    /// `TransactionNotFound`.
    pub async fn owned(&self, caller: &Caller, id: &TransactionId) -> Result<Transaction> {
        let found = self.noted(caller, id).await?;
        if found.is_beginning() { Err(unknown_transaction(id)) } else { Ok(found) }
    }

    /// A transaction of this caller's, also one that is yet to begin.
    ///
    /// # Errors
    /// `TransactionNotFound`.
    pub(in crate::ops) async fn noted(&self, caller: &Caller, id: &TransactionId) -> Result<Transaction> {
        self.store.get(&caller.principal, id).await?.ok_or_else(|| unknown_transaction(id))
    }

    /// The row of a transaction as it is now.
    ///
    /// # Errors
    /// `TransactionNotFound` when it was forgotten meanwhile.
    pub async fn refreshed(&self, transaction: &Transaction) -> Result<Transaction> {
        let now = self.store.get(&transaction.owner, &transaction.id).await?;
        now.ok_or_else(|| unknown_transaction(&transaction.id))
    }

    /// Puts off the end of a transaction in which a long call goes on.
    pub async fn stay(&self, transaction: Option<&Transaction>) -> Result<()> {
        match transaction {
            Some(transaction) => self.touch(&self.refreshed(transaction).await?).await,
            None => Ok(()),
        }
    }

    /// Notes that something is called in a transaction.
    pub(in crate::ops) async fn touch(&self, transaction: &Transaction) -> Result<()> {
        if transaction.state == State::Open {
            self.store.renew(transaction, transaction.options.idle_timeout / RENEWAL_PART).await?;
        }
        Ok(())
    }

    /// Waits until a transaction that is being committed says what it commits, or is open or ended.
    ///
    /// # Errors
    /// As [`refreshed`](Self::refreshed).
    pub async fn prepared(&self, transaction: &Transaction) -> Result<Transaction> {
        let mut writes = self.store.watch(&transaction.id);
        loop {
            let now = self.refreshed(transaction).await?;
            let is_preparing = now.state == State::Committing && now.prepared_commit_id.is_none();
            if !is_preparing {
                return Ok(now);
            }
            writes.next(PREPARING).await;
        }
    }

    /// The branch of a transaction is gone: it has ended, or goes on on another one.
    pub(in crate::ops) async fn moved_on(&self, before: &Transaction) -> Error {
        match self.refreshed(before).await {
            Ok(now) if now.state == State::Open && now.branch == before.branch => Error::new(
                Kind::RefNotFound,
                format!("the branch of transaction {} is gone, and what was written with it: roll back", now.id),
            ),
            Ok(now) if now.state == State::Open => Error::new(
                Kind::WriteInDoubt,
                format!(
                    "a commit of transaction {} failed meanwhile, and it goes on elsewhere: repeat the call",
                    now.id
                ),
            ),
            Ok(now) => not_open(&now, now.state),
            Err(error) => error,
        }
    }
}
