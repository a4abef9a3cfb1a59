//! `VersionService.Merge`.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::Ops;
use crate::ops::metadata::check_metadata;
use crate::ops::versions::merging::merge_refused;
use crate::ops::versions::merging::onto;
use lakeport_lakefs::NewMerge;
use lakeport_types::{BranchName, Ref, RepositoryId};

/// What to merge, and how.
#[derive(Debug, Clone)]
pub struct MergeRequest {
    /// Repository.
    pub repository: RepositoryId,
    /// What to merge.
    pub source: Ref,
    /// Where to.
    pub destination: BranchName,
    /// How.
    pub merge: NewMerge,
}

/// Merges a ref into a branch and says the new head.
///
/// # Errors
/// `MergeConflict`, `NoChanges`, `BaseDirty`, `HookRejected`, `RefNotFound`, `OutcomeUnknown`.
pub async fn merge(ops: &Ops, caller: &Caller, request: &MergeRequest) -> Result<String> {
    check_metadata(&request.merge.metadata)?;
    if request.source.as_str().starts_with(lakeport_types::TRANSACTION_BRANCH_PREFIX) {
        let message = format!("{} belongs to a transaction: commit the transaction", request.source);
        return Err(Error::new(Kind::ReservedName, message));
    }
    let writing = onto(&request.repository, &request.destination)?;
    let turn = ops.queues.turn(&ops.store, &request.repository, &request.destination).await;
    let merge = caller.lakefs.merge(&request.repository, &request.source, &request.destination, &request.merge);
    match turn.spend(merge).await {
        Ok(commit) => Ok(commit),
        Err(error) => Err(merge_refused(ops, caller, &writing, &request.source, error).await),
    }
}
