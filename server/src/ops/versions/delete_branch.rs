//! `VersionService.DeleteBranch`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Ops;
use crate::ops::versions::refusals::branch_refused;
use crate::ops::versions::refusals::check_branch_name;
use lakeport_types::{BranchName, RepositoryId};

/// Deletes a branch and what is uncommitted on it.
///
/// # Errors
/// `RefNotFound`, `DefaultBranch`, `RepositoryNotFound`, `ReservedName`.
pub async fn delete_branch(_ops: &Ops, caller: &Caller, repository: &RepositoryId, branch: &BranchName) -> Result<()> {
    check_branch_name(branch)?;
    match caller.lakefs.delete_branch(repository, branch).await {
        Ok(()) => Ok(()),
        Err(error) => Err(branch_refused(caller, repository, branch.as_str(), error).await),
    }
}
