//! `VersionService.Reset`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Ops;
use crate::ops::errors::no_ref;
use crate::ops::versions::get_branch::get_branch;
use crate::ops::versions::refusals::branch_refused;
use crate::ops::versions::refusals::check_branch_name;
use lakeport_lakefs::{self as lakefs, Branch, Staged};
use lakeport_types::{BranchName, Ref, RepositoryId};

/// What a branch is set back to.
#[derive(Debug, Clone)]
pub enum Reset {
    /// Its own commit, wholly or in part.
    Uncommitted(Staged),
    /// Another commit.
    To(Ref),
}

/// Takes back what is uncommitted on a branch, or moves it to another commit.
///
/// # Errors
/// `RefNotFound`, `BranchProtected`, `RepositoryNotFound`, `ReservedName`.
pub async fn reset(
    ops: &Ops,
    caller: &Caller,
    repository: &RepositoryId,
    branch: &BranchName,
    reset: &Reset,
) -> Result<Branch> {
    check_branch_name(branch)?;
    let reset = match reset {
        Reset::Uncommitted(what) => caller.lakefs.reset_branch(repository, branch, what).await,
        Reset::To(target) => match caller.lakefs.hard_reset(repository, branch, target).await {
            Err(error) if error.kind() == lakefs::Kind::NotFound => return Err(no_ref(repository, target.as_str())),
            other => other,
        },
    };
    match reset {
        Ok(()) => get_branch(ops, caller, repository, branch).await,
        Err(error) => Err(branch_refused(caller, repository, branch.as_str(), error).await),
    }
}
