//! Commit IDs in responses of lakeFS.

use crate::error::{Error, Kind, Result};
use lakeport_types::CommitId;

/// A commit ID that lakeFS answered with.
pub(in crate::ops) fn commit_id(id: String) -> Result<CommitId> {
    CommitId::try_from(id)
        .map_err(|error| Error::new(Kind::Internal, "lakeFS answered with no commit ID").caused_by(error))
}
