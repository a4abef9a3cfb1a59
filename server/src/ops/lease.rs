//! Commits made inside of a transaction, which stays open: under its lease, so that none runs beside the commit of the transaction
//! itself.

use crate::error::{Error, Kind, Result};
use crate::fault;
use crate::ops::context::{Ops, Shared};
use crate::ops::errors::not_open;
use lakeport_lakefs as lakefs;
use lakeport_transactions::Transaction;
use std::pin::pin;
use std::time::Duration;

/// Says in a commit's metadata which transaction it was made in.
pub(in crate::ops) const MADE_IN: &str = "lakeport.made_in";

/// Sends a request that makes a commit, in a task of its own: a caller that goes away must not leave the row leased, nor a doubt
/// unsaid. `made` is the row after an answer, and `doubted` after one that was lost.
///
/// # Errors
/// `TransactionCommitting` beside another commit, the state of a transaction that is not open, and those of the store. What lakeFS
/// said is in the value; `None` where its answer was lost.
pub(in crate::ops) async fn under_lease<T: Send + Sync + 'static>(
    ops: &Shared,
    transaction: &Transaction,
    request: impl Future<Output = lakefs::Result<T>> + Send + 'static,
    made: impl Fn(&Transaction, &T) -> Transaction + Send + Sync + 'static,
    doubted: fn(&Ops, &Transaction) -> Transaction,
) -> Result<Option<lakefs::Result<T>>> {
    let (task_ops, transaction) = (ops.clone(), transaction.clone());
    let task = ops.tasks.spawn(async move {
        let mut leased = lease(&task_ops, &transaction).await?;
        fault::after("leased").await;
        let answer = keeping(&task_ops, &mut leased, request).await;
        fault::after("made inside").await;
        let answer = answer.map_or_else(|e| (!e.is_ambiguous()).then_some(Err(e)), |t| Some(Ok(t)));
        let left = |row: Transaction| match &answer {
            Some(Ok(done)) => made(&row, done),
            Some(Err(_)) => row,
            None => doubted(&task_ops, &row),
        };
        release(&task_ops, &leased, left).await?;
        Ok(answer)
    });
    task.await.map_err(|error| Error::new(Kind::Internal, "the commit ended without an answer").caused_by(error))?
}

/// Whether a commit was made right on the one that its transaction began from.
pub(in crate::ops) fn stands_on_base(row: &Transaction, made: &lakefs::Commit) -> bool {
    row.base_commit_id.as_ref().is_some_and(|base| made.parents == [base.as_str()])
}

async fn lease(ops: &Ops, transaction: &Transaction) -> Result<Transaction> {
    let now = ops.refreshed(transaction).await?;
    if now.state != transaction.state || now.epoch != transaction.epoch {
        return Err(not_open(&now, now.state));
    }
    let busy = || {
        Error::new(Kind::TransactionCommitting, format!("another commit is being made in transaction {}", now.id))
            .retry_in(Duration::from_millis(200))
    };
    if !now.is_unattended() {
        return Err(busy());
    }
    ops.store.swap(&now, now.leased_anew(&ops.worker)).await?.ok_or_else(busy)
}

/// Awaits a request, and keeps the lease meanwhile. The request goes on, come what may of the store.
async fn keeping<T>(ops: &Ops, leased: &mut Transaction, request: impl Future<Output = T>) -> T {
    let mut request = pin!(request);
    loop {
        match tokio::time::timeout(ops.timing.lease / 4, request.as_mut()).await {
            Ok(answer) => return answer,
            Err(_) => match renewed(ops, leased).await {
                Ok(Some(renewed)) => *leased = renewed,
                // A write beside it was faster: next time.
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "the lease of a commit inside a transaction cannot be kept now"),
            },
        }
    }
}

async fn renewed(ops: &Ops, leased: &Transaction) -> Result<Option<Transaction>> {
    let now = ops.refreshed(leased).await?;
    ops.touch(&now).await?;
    if !is_still(leased, &now) {
        return Ok(None);
    }
    Ok(ops.store.swap(&now, now.renewed(&ops.worker)).await?)
}

/// Whether the lease is this very one, and not another of this process.
fn is_still(leased: &Transaction, now: &Transaction) -> bool {
    let is_ours = now.worker == leased.worker && now.lease_until == leased.lease_until;
    is_ours && now.state == leased.state && now.epoch == leased.epoch
}

/// Gives the lease back. A write beside it may have changed the row meanwhile, and then the row as it is now is released.
async fn release(ops: &Ops, leased: &Transaction, after: impl Fn(Transaction) -> Transaction) -> Result<()> {
    loop {
        let now = ops.refreshed(leased).await?;
        if !is_still(leased, &now) {
            return Ok(());
        }
        if ops.store.swap(&now, after(now.released())).await?.is_some() {
            return Ok(());
        }
    }
}
