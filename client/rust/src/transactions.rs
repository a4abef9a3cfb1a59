//! Transactions.

use crate::streams::{items, paged};
use crate::v1::{
    BeginTransactionRequest, CommitTransactionRequest, ErrorReason, GetTransactionRequest, KeepAliveTransactionRequest,
    ListTransactionChangesRequest, ListTransactionsRequest, MergeStrategy, RollbackTransactionRequest, Transaction,
    TransactionChange, WatchTransactionRequest, WatchTransactionResponse,
};
use crate::{Client, Error, Result};
use futures_util::stream::Stream;
use std::collections::HashMap;
use std::time::Duration;

/// How often a commit that goes on is asked for again.
const MAX_COMMIT_REPEATS: u32 = 5;
/// Between two of them, where the server does not say.
const COMMIT_DELAY: Duration = Duration::from_secs(1);

/// How to commit a transaction.
#[derive(Debug, Clone, Default)]
pub struct CommitOptions {
    /// Of the commit and the merge. Empty: one that names the transaction.
    pub message: String,
    /// Of the commit and the merge. `lakeport.*` is lakeport's.
    pub metadata: HashMap<String, String>,
    /// What becomes of conflicts.
    pub strategy: MergeStrategy,
    /// One commit on the transaction's side of the merge.
    pub squash: bool,
    /// Only commit, and keep the branch.
    pub skip_merge: bool,
    /// Tags to make on the merge commit.
    pub tags: Vec<String>,
    /// Change nothing: fail with `MergeConflict` if the merge would conflict.
    pub validate_only: bool,
    /// Only if the transaction has this epoch.
    pub if_epoch: Option<i64>,
}

fn expect(transaction: Option<Transaction>) -> Result<Transaction> {
    transaction.ok_or_else(|| Error::nonsense("the server answered without saying what the transaction is"))
}

impl Client {
    /// Begins a transaction.
    ///
    /// # Errors
    /// `RepositoryNotFound`, `RefNotFound`, `RefNotABranch`, `TransactionExists`, `TooManyTransactions`.
    pub async fn begin(&self, request: BeginTransactionRequest) -> Result<Transaction> {
        expect(self.transactions().begin_transaction(request).await?.into_inner().transaction)
    }

    /// What a transaction is now.
    ///
    /// # Errors
    /// `TransactionNotFound`.
    pub async fn transaction(&self, transaction_id: &str) -> Result<Transaction> {
        let request = GetTransactionRequest { transaction_id: transaction_id.to_owned() };
        expect(self.transactions().get_transaction(request).await?.into_inner().transaction)
    }

    /// The caller's transactions, newest first, page by page as they are taken.
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

    /// Puts off the end of an idle transaction; the answer says until when.
    ///
    /// # Errors
    /// `TransactionNotFound`; `TransactionExpired` and the other ends.
    pub async fn keep_alive(&self, transaction_id: &str) -> Result<Transaction> {
        let request = KeepAliveTransactionRequest { transaction_id: transaction_id.to_owned() };
        expect(self.transactions().keep_alive_transaction(request).await?.into_inner().transaction)
    }

    /// Publishes all of a transaction, or nothing. While the server says that the commit goes on, it is asked again, a few
    /// times; a repetition finds the same commit.
    ///
    /// # Errors
    /// `MergeConflict`, `HookRejected`, `BaseDirty`, `TagExists`: the transaction is open again. `CommitInDoubt` when it still
    /// goes on: call again.
    pub async fn commit(&self, transaction_id: &str, options: CommitOptions) -> Result<Transaction> {
        let request = CommitTransactionRequest {
            transaction_id: transaction_id.to_owned(),
            message: options.message,
            metadata: options.metadata,
            strategy: options.strategy.into(),
            squash: options.squash,
            merge: options.skip_merge.then_some(false),
            tags: options.tags,
            validate_only: options.validate_only,
            if_epoch: options.if_epoch,
        };
        for _ in 0..MAX_COMMIT_REPEATS {
            match self.commit_once(request.clone()).await {
                Err(error) if error.reason() == Some(ErrorReason::CommitInDoubt) => {
                    tokio::time::sleep(error.retry_delay().unwrap_or(COMMIT_DELAY)).await;
                }
                other => return other,
            }
        }
        self.commit_once(request).await
    }

    async fn commit_once(&self, request: CommitTransactionRequest) -> Result<Transaction> {
        expect(self.transactions().commit_transaction(request).await?.into_inner().transaction)
    }

    /// Ends a transaction without publishing anything.
    ///
    /// # Errors
    /// `TransactionNotFound`, `TransactionCommitted`, `TransactionCommitting`.
    pub async fn rollback(&self, transaction_id: &str) -> Result<Transaction> {
        let request = RollbackTransactionRequest { transaction_id: transaction_id.to_owned() };
        expect(self.transactions().rollback_transaction(request).await?.into_inner().transaction)
    }

    /// What a transaction changed below `prefix`, path by path.
    ///
    /// # Errors
    /// `TransactionNotFound`; later ones end the stream.
    pub async fn transaction_changes(
        &self,
        transaction_id: &str,
        prefix: &str,
    ) -> Result<impl Stream<Item = Result<TransactionChange>> + Send + Unpin + use<>> {
        let request =
            ListTransactionChangesRequest { prefix: prefix.to_owned(), transaction_id: transaction_id.to_owned() };
        Ok(items(self.transactions().list_transaction_changes(request).await?, |message| message.changes))
    }

    /// The transaction now, and at each change of its state until it ends.
    ///
    /// # Errors
    /// `TransactionNotFound`; later ones end the stream.
    pub async fn watch(
        &self,
        transaction_id: &str,
    ) -> Result<impl Stream<Item = Result<WatchTransactionResponse>> + Send + Unpin + use<>> {
        let request = WatchTransactionRequest { transaction_id: transaction_id.to_owned() };
        Ok(items(self.transactions().watch_transaction(request).await?, Some))
    }
}
