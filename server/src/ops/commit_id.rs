//! Commit IDs in responses of lakeFS.

use crate::error::{Error, Kind, Result};
use lakeport_types::CommitId;

/// Parses a commit ID from a response of lakeFS.
///
/// # Errors
/// `Internal` if it is invalid.
pub(in crate::ops) fn commit_id(id: String) -> Result<CommitId> {
    CommitId::try_from(id).map_err(|error| {
        Error::new(Kind::Internal, format!("lakeFS returned an invalid commit ID: {error}")).caused_by(error)
    })
}
