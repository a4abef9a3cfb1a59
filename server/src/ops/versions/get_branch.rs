//! `VersionService.GetBranch`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Ops;
use crate::ops::versions::refusals::branch_refused;
use lakeport_lakefs::Branch;
use lakeport_types::{BranchName, RepositoryId};

/// Returns a branch.
///
/// # Errors
/// `RefNotFound`, `RefNotABranch`, `RepositoryNotFound`.
pub async fn get_branch(_ops: &Ops, caller: &Caller, repository: &RepositoryId, branch: &BranchName) -> Result<Branch> {
    match caller.lakefs.branch(repository, branch).await {
        Ok(found) => Ok(found),
        Err(error) => Err(branch_refused(caller, repository, branch.as_str(), error).await),
    }
}
