//! The scope of a transaction: committed at its end, rolled back after an error.

use super::CommitOptions;
use crate::v1::{BeginTransactionRequest, Transaction};
use crate::{Client, Code, Error, Place, Result};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};

/// The shortest idle timeout that the server accepts.
const MIN_IDLE_TIMEOUT: Duration = Duration::from_secs(10);

impl Client {
    /// Begins a transaction, calls `work` with its place, and commits it. Returns the value of `work`, and the committed transaction.
    ///
    /// If `work` fails or panics, if the commit fails, or if the returned future is dropped, the transaction is rolled back. While
    /// `work` runs, the transaction does not expire because of its idle timeout.
    /// A transaction with an ID in the request stays open if the future is dropped while the transaction begins; see [`Client::begin`].
    ///
    /// After `Unavailable`, `DeadlineExceeded` and `Overloaded` of the commit, and if the future is dropped during the commit, the
    /// outcome is unknown. To learn it, commit again: set the `transaction_id` of the request, and pass it to [`Client::commit`].
    ///
    /// # Errors
    /// The error of [`Client::begin`], of `work`, or of [`Client::commit`]. After `MergeConflict`, call this again, so that `work` sees
    /// the changes of the other caller.
    pub async fn with_transaction<T, E, F>(
        &self,
        begin: BeginTransactionRequest,
        commit: CommitOptions,
        work: impl FnOnce(Place) -> F,
    ) -> Result<(T, Transaction), E>
    where
        F: Future<Output = Result<T, E>>,
        E: From<Error>,
    {
        let idle_timeout = begin.idle_timeout.and_then(|timeout| timeout.try_into().ok()).unwrap_or_default();
        let transaction = self.begin(begin).await?;
        let id = transaction.transaction_id.clone();
        let mut scope = Scope::new(self, id.clone(), idle_timeout);
        let value = match work(Place::transaction_in(transaction.repository, id.clone())).await {
            Ok(value) => value,
            Err(error) => {
                scope.roll_back().await;
                return Err(error);
            }
        };
        match self.commit(&id, commit).await {
            Ok(committed) => {
                scope.is_settled = true;
                Ok((value, committed))
            }
            Err(error) => {
                match error.leaves_commit_open() {
                    true => scope.is_settled = true,
                    false => scope.roll_back().await,
                }
                Err(error.into())
            }
        }
    }
}

/// Keeps a transaction open. Rolls it back when dropped, unless it is settled.
struct Scope {
    client: Client,
    id: String,
    keep_alive: JoinHandle<()>,
    is_settled: bool,
}

impl Scope {
    fn new(client: &Client, id: String, idle_timeout: Duration) -> Self {
        let keep_alive = tokio::spawn(keep_alive(client.clone(), id.clone(), idle_timeout.max(MIN_IDLE_TIMEOUT) / 3));
        Self { client: client.clone(), id, keep_alive, is_settled: false }
    }

    async fn roll_back(&mut self) {
        self.client.give_up(&self.id).await;
        self.is_settled = true;
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        self.keep_alive.abort();
        if !self.is_settled {
            self.client.abandon(std::mem::take(&mut self.id), async {});
        }
    }
}

/// Restarts the idle timeout until the transaction has ended.
async fn keep_alive(client: Client, id: String, pause: Duration) {
    let mut ticks = interval(pause);
    // The first tick is immediate.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let kept = timeout(pause, client.keep_alive(&id)).await;
        if matches!(kept, Ok(Err(error)) if !is_transient(&error)) {
            // The next call in the transaction reports its end.
            return;
        }
    }
}

/// Returns whether a later call may succeed.
fn is_transient(error: &Error) -> bool {
    matches!(error.code(), Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted)
}
