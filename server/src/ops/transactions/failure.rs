//! The stored failure of a commit.

use crate::error::{Error, Kind};
use lakeport_transactions::Transaction;

/// Returns the stored failure as an error, with its reason and conflicting paths.
pub fn failure_of(transaction: &Transaction) -> Option<Error> {
    let failure = transaction.failure.as_ref()?;
    let kind = Kind::of_reason(&failure.reason).unwrap_or(Kind::Internal);
    Some(Error::new(kind, failure.message.clone()).about(failure.paths.iter().cloned()))
}
