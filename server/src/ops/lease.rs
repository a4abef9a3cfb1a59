//! Creates commits inside an open transaction. Each request holds the lease of the transaction's row. The commit of the
//! transaction itself therefore cannot run at the same time.

use crate::error::{Error, Kind, Result};
use crate::fault;
use crate::ops::context::{Ops, Shared};
use crate::ops::errors::not_open;
use lakeport_lakefs as lakefs;
use lakeport_transactions::Transaction;
use lakeport_waiting as waiting;
use std::pin::pin;
use std::time::Duration;

/// Metadata key of a commit inside a transaction: the transaction ID.
pub(in crate::ops) const MADE_IN: &str = "lakeport.made_in";

/// Sends a request that creates a commit inside a transaction.
///
/// The request runs in a separate task. A disconnecting caller therefore leaves no lease, and a lost response is always
/// recorded. `made` returns the row to store after a successful response, and `after_lost_response` returns the row to
/// store after a lost response. Returns the response of lakeFS, or `None` if it was lost or cannot be recorded.
///
/// # Errors
/// `TransactionCommitting` during another commit; for a transaction that is not open, the error for its state; those of
/// the store.
pub(in crate::ops) async fn under_lease<T: Send + Sync + 'static>(
    ops: &Shared,
    transaction: &Transaction,
    request: impl Future<Output = lakefs::Result<T>> + Send + 'static,
    made: impl Fn(&Transaction, &T) -> Transaction + Send + Sync + 'static,
    after_lost_response: fn(&Ops, &Transaction) -> Transaction,
) -> Result<Option<lakefs::Result<T>>> {
    let (task_ops, transaction) = (ops.clone(), transaction.clone());
    let task = ops.tasks.spawn(waiting::inherit(async move {
        let mut leased = lease(&task_ops, &transaction).await?;
        fault::after("leased").await;
        let response = while_renewing(&task_ops, &mut leased, request).await;
        fault::after("made inside").await;
        let response = response.map_or_else(|e| (!e.is_lost()).then_some(Err(e)), |t| Some(Ok(t)));
        let next = |row: Transaction| match &response {
            Some(Ok(done)) => made(&row, done),
            Some(Err(error)) if !error.is_ambiguous() => row,
            Some(Err(_)) | None => after_lost_response(&task_ops, &row),
        };
        match (release(&task_ops, &leased, next).await, response) {
            (Ok(_), response) => Ok(response),
            // The request had no effect.
            (Err(error), Some(Err(refusal))) if !refusal.is_ambiguous() => Err(error),
            (Err(error), _) => {
                tracing::warn!(%error, transaction = %leased.id, "a commit inside a transaction cannot be recorded");
                Ok(None)
            }
        }
    }));
    task.await.unwrap_or_else(|error| {
        tracing::error!(%error, "the task of a commit inside a transaction failed");
        Ok(None)
    })
}

/// Returns whether the only parent of a commit is the base commit of the transaction.
pub(in crate::ops) fn has_base_as_only_parent(row: &Transaction, made: &lakefs::Commit) -> bool {
    row.base_commit_id.as_ref().is_some_and(|base| made.parents == [base.as_str()])
}

async fn lease(ops: &Ops, transaction: &Transaction) -> Result<Transaction> {
    let now = ops.refreshed(transaction).await?;
    if now.state != transaction.state || now.epoch != transaction.epoch {
        return Err(not_open(&now, now.state));
    }
    let busy = || {
        Error::new(
            Kind::TransactionCommitting,
            format!("another commit in transaction {} is in progress: try again", now.id),
        )
        .retry_in(Duration::from_millis(200))
    };
    if !now.is_unattended() {
        return Err(busy());
    }
    ops.store.swap(&now, now.leased_to(&ops.worker)).await?.ok_or_else(busy)
}

/// Awaits a request, and regularly renews the lease. The request continues even if the store fails.
pub(in crate::ops) async fn while_renewing<T>(
    ops: &Ops,
    leased: &mut Transaction,
    request: impl Future<Output = T>,
) -> T {
    let mut request = pin!(request);
    loop {
        match tokio::time::timeout(ops.timing.lease / 4, request.as_mut()).await {
            Ok(response) => return response,
            Err(_) => match renew(ops, leased).await {
                Ok(Some(renewed)) => *leased = renewed,
                // Another write changed the row first. The next pass of the loop renews the lease.
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "cannot renew the lease of a commit inside a transaction now"),
            },
        }
    }
}

async fn renew(ops: &Ops, leased: &Transaction) -> Result<Option<Transaction>> {
    let now = ops.refreshed(leased).await?;
    ops.touch(&now).await?;
    if !is_same_lease(leased, &now) {
        return Ok(None);
    }
    Ok(ops.store.swap(&now, now.renewed(&ops.worker)).await?)
}

/// Returns whether the row still has this lease. Another lease of this process differs in its end.
fn is_same_lease(leased: &Transaction, now: &Transaction) -> bool {
    let is_ours = now.worker == leased.worker && now.lease_until == leased.lease_until;
    is_ours && now.state == leased.state && now.epoch == leased.epoch
}

/// Returns the lease and stores the next row. If a concurrent write has changed the row, starts from the current row. Returns whether
/// the row still had the lease.
pub(in crate::ops) async fn release(
    ops: &Ops,
    leased: &Transaction,
    next: impl Fn(Transaction) -> Transaction,
) -> Result<bool> {
    loop {
        let now = ops.refreshed(leased).await?;
        if !is_same_lease(leased, &now) {
            return Ok(false);
        }
        if ops.store.swap(&now, next(now.released())).await?.is_some() {
            return Ok(true);
        }
    }
}
