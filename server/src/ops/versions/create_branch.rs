//! `VersionService.CreateBranch`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Ops;
use crate::ops::errors::no_ref;
use crate::ops::versions::refusals::branch_refused;
use crate::ops::versions::refusals::check_branch_name;
use lakeport_lakefs::{self as lakefs, Branch};
use lakeport_types::{BranchName, Ref, RepositoryId};

/// Makes a branch at the commit of a ref.
///
/// # Errors
/// `BranchExists`, `RefNotFound`, `RepositoryNotFound`, `ReservedName`.
pub async fn create_branch(
    _ops: &Ops,
    caller: &Caller,
    repository: &RepositoryId,
    branch: &BranchName,
    source: &Ref,
) -> Result<Branch> {
    check_branch_name(branch)?;
    match caller.lakefs.create_branch(repository, branch, source, false).await {
        Ok(commit_id) => Ok(Branch { id: branch.to_string(), commit_id }),
        Err(error) if error.kind() == lakefs::Kind::NotFound => Err(no_ref(repository, source.as_str())),
        Err(error) => Err(branch_refused(caller, repository, branch.as_str(), error).await),
    }
}
