//! What batches share: their limit, and the outcome of an item.

use crate::error::{Error, Kind, Result};

/// One of a batch: its place in the request, and what became of it.
pub type BatchItem<T> = (usize, Result<T>);

/// Refuses more items than one request may have.
///
/// # Errors
/// `BatchTooLarge`.
pub fn check_batch(items: usize, limit: usize) -> Result<()> {
    if items <= limit {
        return Ok(());
    }
    Err(Error::new(Kind::BatchTooLarge, format!("{items} items in one request: at most {limit}; send more requests")))
}
