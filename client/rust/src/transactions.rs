//! Calls for transactions.

mod begin;
mod scope;

use crate::retry::{Repeat, call, jittered};
use crate::streams::{opened, paged};
use crate::v1::{
    CommitTransactionRequest, GetTransactionRequest, KeepAliveTransactionRequest, ListTransactionChangesRequest,
    ListTransactionsRequest, MergeStrategy, PathChange, RollbackTransactionRequest, Transaction,
    WatchTransactionRequest, WatchTransactionResponse,
};
use crate::{Client, Error, Result};
use futures_util::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Maximum time for which a commit is sent again while its outcome is unknown.
const COMMIT_TIME: Duration = Duration::from_secs(120);
/// Pause between two attempts of a commit, unless the server asks for a longer one.
const COMMIT_PAUSE: Duration = Duration::from_millis(200);

/// Options of a commit of a transaction.
#[derive(Debug, Clone, Default)]
pub struct CommitOptions {
    /// Message of the commit and the merge. Empty: a message that contains the transaction ID.
    pub message: String,
    /// Metadata of the commit and the merge. Keys that start with `lakeport.` are reserved.
    pub metadata: HashMap<String, String>,
    /// How to resolve conflicts with changes on the base branch.
    pub strategy: MergeStrategy,
    /// Squash all commits of the transaction into one before the merge.
    pub squash: bool,
    /// Commit without merging into the base branch, and keep the branch of the transaction.
    pub skip_merge: bool,
    /// Tags to create on the merge commit.
    pub tags: Vec<String>,
    /// Change nothing. Fail with `MergeConflict` if the merge would conflict.
    pub validate_only: bool,
    /// Commit only if the transaction has this epoch.
    pub if_epoch: Option<i64>,
}

fn expect(transaction: Option<Transaction>) -> Result<Transaction> {
    transaction.ok_or_else(|| Error::invalid_response("the response of the server contains no transaction"))
}

impl Client {
    /// Returns the current state of a transaction.
    ///
    /// # Errors
    /// `TransactionNotFound`.
    pub async fn transaction(&self, transaction_id: &str) -> Result<Transaction> {
        let request = GetTransactionRequest { transaction_id: transaction_id.to_owned() };
        expect(self.unary(Repeat::Idempotent, call!(self, transactions.get_transaction(request))).await?.transaction)
    }

    /// Streams the caller's transactions, newest first. Requests each page on demand.
    pub fn list_transactions(
        &self,
        request: ListTransactionsRequest,
    ) -> impl Stream<Item = Result<Transaction>> + Send + use<> {
        let client = self.clone();
        paged(move |page_token| {
            let request = ListTransactionsRequest { page_token, ..request.clone() };
            let client = client.clone();
            async move {
                let call = call!(&client, transactions.list_transactions(request));
                let page = client.unary(Repeat::Idempotent, call).await?;
                Ok((page.transactions, page.next_page_token))
            }
        })
    }

    /// Extends an open transaction by its idle timeout. The returned transaction contains the new expiry time.
    ///
    /// # Errors
    /// `TransactionNotFound`; `TransactionExpired`, `TransactionCommitted` or `TransactionRolledBack` if the transaction has ended.
    pub async fn keep_alive(&self, transaction_id: &str) -> Result<Transaction> {
        let request = KeepAliveTransactionRequest { transaction_id: transaction_id.to_owned() };
        let call = call!(self, transactions.keep_alive_transaction(request));
        expect(self.unary(Repeat::Idempotent, call).await?.transaction)
    }

    /// Commits a transaction: publishes all of its changes, or none. While the outcome is unknown, the client sends the commit again,
    /// for up to 120 s. A retry returns the same commit.
    ///
    /// # Errors
    /// `MergeConflict`, `HookRejected`, `BaseDirty`, `TagExists`: the transaction is open again. `Unavailable` or
    /// `DeadlineExceeded`, such as `CommitInDoubt`: the outcome is still unknown; call again.
    pub async fn commit(&self, transaction_id: &str, options: CommitOptions) -> Result<Transaction> {
        let request = CommitTransactionRequest {
            transaction_id: transaction_id.to_owned(),
            message: options.message,
            metadata: options.metadata,
            strategy: options.strategy.into(),
            squash: options.squash,
            skip_merge: options.skip_merge,
            tags: options.tags,
            validate_only: options.validate_only,
            if_epoch: options.if_epoch,
        };
        if request.validate_only {
            let call = call!(self, transactions.commit_transaction(request));
            return expect(self.unary(Repeat::Idempotent, call).await?.transaction);
        }
        let ends = Instant::now() + COMMIT_TIME;
        loop {
            let mut transactions = self.transactions();
            let error = match self.progress(transactions.commit_transaction(request.clone())).await {
                Err(error) => error,
                Ok(response) => return expect(response.into_inner().transaction),
            };
            let pause = jittered(COMMIT_PAUSE).max(error.retry_delay().unwrap_or_default());
            if !error.leaves_commit_open() || Instant::now() + pause > ends {
                return Err(error);
            }
            sleep(pause).await;
        }
    }

    /// Rolls back a transaction: ends it and publishes nothing.
    ///
    /// # Errors
    /// `TransactionNotFound`, `TransactionCommitted`, `TransactionCommitting`.
    pub async fn rollback(&self, transaction_id: &str) -> Result<Transaction> {
        let request = RollbackTransactionRequest { transaction_id: transaction_id.to_owned() };
        let call = call!(self, transactions.rollback_transaction(request));
        expect(self.unary(Repeat::Settling, call).await?.transaction)
    }

    /// Streams the changes of a transaction to paths with this prefix.
    ///
    /// # Errors
    /// `TransactionNotFound`. Later errors end the stream.
    pub async fn transaction_changes(
        &self,
        transaction_id: &str,
        prefix: &str,
    ) -> Result<impl Stream<Item = Result<PathChange>> + Send + Unpin + use<>> {
        let request =
            ListTransactionChangesRequest { prefix: prefix.to_owned(), transaction_id: transaction_id.to_owned() };
        let call = call!(self, transactions.list_transaction_changes(request));
        self.items(Repeat::Idempotent, call, |message| message.changes).await
    }

    /// Streams the current state of a transaction, then each change of its state until it ends.
    ///
    /// # Errors
    /// `TransactionNotFound`. Later errors end the stream.
    pub async fn watch(
        &self,
        transaction_id: &str,
    ) -> Result<impl Stream<Item = Result<WatchTransactionResponse>> + Send + Unpin + use<>> {
        let request = WatchTransactionRequest { transaction_id: transaction_id.to_owned() };
        let watch = call!(self, transactions.watch_transaction(request));
        let (first, states) = self.repeated(Repeat::Idempotent, || opened(watch())).await?;
        // A transaction may stay in its state for any time.
        Ok(stream::iter(first.map(Ok)).chain(states.map_err(Error::from)))
    }
}
