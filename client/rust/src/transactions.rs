//! Calls for transactions.

use crate::streams::{items, paged};
use crate::v1::{
    BeginTransactionRequest, CommitTransactionRequest, ErrorReason, GetTransactionRequest, KeepAliveTransactionRequest,
    ListTransactionChangesRequest, ListTransactionsRequest, MergeStrategy, PathChange, RollbackTransactionRequest,
    Transaction, WatchTransactionRequest, WatchTransactionResponse,
};
use crate::{Client, Error, Result};
use futures_util::stream::Stream;
use std::collections::HashMap;
use std::time::Duration;

/// Maximum number of retries of a commit that is still in progress.
const MAX_COMMIT_RETRIES: u32 = 5;
/// Delay between retries, if the server does not specify one.
const DEFAULT_COMMIT_RETRY_DELAY: Duration = Duration::from_secs(1);

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
    /// Begins a transaction.
    ///
    /// # Errors
    /// `RepositoryNotFound`, `RefNotFound`, `RefNotABranch`, `TransactionExists`, `TooManyTransactions`.
    pub async fn begin(&self, request: BeginTransactionRequest) -> Result<Transaction> {
        expect(self.transactions().begin_transaction(request).await?.into_inner().transaction)
    }

    /// Returns the current state of a transaction.
    ///
    /// # Errors
    /// `TransactionNotFound`.
    pub async fn transaction(&self, transaction_id: &str) -> Result<Transaction> {
        let request = GetTransactionRequest { transaction_id: transaction_id.to_owned() };
        expect(self.transactions().get_transaction(request).await?.into_inner().transaction)
    }

    /// Streams the caller's transactions, newest first. Requests each page on demand.
    pub fn list_transactions(
        &self,
        request: ListTransactionsRequest,
    ) -> impl Stream<Item = Result<Transaction>> + Send + use<> {
        let client = self.clone();
        paged(move |page_token| {
            let request = ListTransactionsRequest { page_token, ..request.clone() };
            let mut transactions = client.transactions();
            async move {
                let page = transactions.list_transactions(request).await?.into_inner();
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
        expect(self.transactions().keep_alive_transaction(request).await?.into_inner().transaction)
    }

    /// Commits a transaction: publishes all of its changes, or none. If the server returns `CommitInDoubt`, retries up to five
    /// times. Retrying is safe: a retry returns the same commit.
    ///
    /// # Errors
    /// `MergeConflict`, `HookRejected`, `BaseDirty`, `TagExists`: the transaction is open again. `CommitInDoubt`: the commit is still
    /// in progress after the last retry; call again.
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
        for _ in 0..MAX_COMMIT_RETRIES {
            match self.commit_once(request.clone()).await {
                Err(error) if error.reason() == Some(ErrorReason::CommitInDoubt) => {
                    tokio::time::sleep(error.retry_delay().unwrap_or(DEFAULT_COMMIT_RETRY_DELAY)).await;
                }
                other => return other,
            }
        }
        self.commit_once(request).await
    }

    async fn commit_once(&self, request: CommitTransactionRequest) -> Result<Transaction> {
        expect(self.transactions().commit_transaction(request).await?.into_inner().transaction)
    }

    /// Rolls back a transaction: ends it and publishes nothing.
    ///
    /// # Errors
    /// `TransactionNotFound`, `TransactionCommitted`, `TransactionCommitting`.
    pub async fn rollback(&self, transaction_id: &str) -> Result<Transaction> {
        let request = RollbackTransactionRequest { transaction_id: transaction_id.to_owned() };
        expect(self.transactions().rollback_transaction(request).await?.into_inner().transaction)
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
        Ok(items(self.transactions().list_transaction_changes(request).await?, |message| message.changes))
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
        Ok(items(self.transactions().watch_transaction(request).await?, Some))
    }
}
