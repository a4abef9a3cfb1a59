//! Shared by all batch calls: the limit of items, and the result of an item.

use crate::error::{Error, Kind, Result};
use lakeport_waiting as waiting;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

/// Result of an item, with its index in the request.
pub type BatchItem<T> = (usize, Result<T>);

/// Runs the work for an item in a task. HTTP/2 does not poll the response of a stalled reader, so without a task the item
/// would keep its request to lakeFS open. Dropping the future ends the task.
///
/// # Errors
/// Those of the work.
pub(in crate::ops) async fn in_task<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let task = AbortOnDropHandle::new(tokio::spawn(waiting::inherit(work).in_current_span()));
    task.await.map_err(|error| Error::new(Kind::Internal, "the task of an item failed").caused_by(error))?
}

/// Rejects more items than one request may have.
///
/// # Errors
/// `BatchTooLarge`.
pub fn check_batch(items: usize, limit: usize) -> Result<()> {
    if items <= limit {
        return Ok(());
    }
    Err(Error::new(
        Kind::BatchTooLarge,
        format!("the request has {items} items, and at most {limit} are allowed: split it"),
    ))
}
