//! The begin of a transaction, and the rollback of one that nobody waits for.

use super::expect;
use crate::request_id::random_id;
use crate::retry::{Repeat, call};
use crate::v1::{BeginTransactionRequest, Transaction};
use crate::{Client, Code, Error, Result};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Fuse, FusedFuture as _};
use std::time::Duration;
use tokio::time::timeout;

/// Maximum time for the rollback of an abandoned transaction. After it, the transaction expires by itself.
const ROLLBACK_TIME: Duration = Duration::from_secs(10);

impl Client {
    /// Begins a transaction.
    ///
    /// With an ID in the request, the call can be repeated: it returns the same transaction. Without one, the client chooses an ID. If
    /// then the returned future is dropped, or the call fails although the server may have begun the transaction, the client rolls it
    /// back in the background: nobody else knows its ID.
    ///
    /// # Errors
    /// `RepositoryNotFound`, `RefNotFound`, `RefNotABranch`, `TransactionExists`, `TooManyTransactions`.
    pub async fn begin(&self, request: BeginTransactionRequest) -> Result<Transaction> {
        if !request.transaction_id.is_empty() {
            return self.send_begin(request).await;
        }
        let id = random_id();
        let request = BeginTransactionRequest { transaction_id: id.clone(), ..request };
        let client = self.clone();
        let call = async move { client.send_begin(request).await }.boxed().fuse();
        let mut beginning = Beginning { client: self.clone(), id: id.clone(), call };
        let outcome = (&mut beginning.call).await;
        if outcome.as_ref().is_err_and(may_have_begun) {
            self.abandon(id, async {});
        }
        outcome
    }

    async fn send_begin(&self, request: BeginTransactionRequest) -> Result<Transaction> {
        expect(self.unary(Repeat::Idempotent, call!(self, transactions.begin_transaction(request))).await?.transaction)
    }

    /// Rolls back a transaction in the background. Outside of a runtime, it expires. `before` is a call to complete first.
    pub(super) fn abandon(&self, id: String, before: impl Future<Output = ()> + Send + 'static) {
        let client = self.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                before.await;
                client.give_up(&id).await;
            });
        }
    }

    /// Rolls back a transaction. Ignores errors: the first error counts, and without a rollback, the transaction expires.
    pub(super) async fn give_up(&self, id: &str) {
        let _ = timeout(ROLLBACK_TIME, self.rollback(id)).await;
    }
}

/// A call in flight. If it is dropped, the call continues: a rollback that reaches the server before the begin has no effect.
struct Beginning {
    client: Client,
    id: String,
    call: Fuse<BoxFuture<'static, Result<Transaction>>>,
}

impl Drop for Beginning {
    fn drop(&mut self) {
        if !self.call.is_terminated() {
            let call = std::mem::replace(&mut self.call, Fuse::terminated());
            self.client.abandon(std::mem::take(&mut self.id), call.map(drop));
        }
    }
}

/// Returns whether the server may have begun the transaction although the call failed.
fn may_have_begun(error: &Error) -> bool {
    matches!(error.code(), Code::Unavailable | Code::DeadlineExceeded | Code::Unknown)
}
