//! Shared by all batch calls: the limit of items, and the result of an item.

use crate::error::{Error, Kind, Result};

/// Result of an item, with its index in the request.
pub type BatchItem<T> = (usize, Result<T>);

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
