//! `VersionService.CherryPick`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Ops;
use crate::ops::versions::merging::onto;
use crate::ops::versions::merging::parent_refused;
use lakeport_lakefs::Commit;
use lakeport_types::{BranchName, Ref, RepositoryId};

/// Makes the change of a commit once more on a branch.
///
/// # Errors
/// As [`merge`].
pub async fn cherry_pick(
    ops: &Ops,
    caller: &Caller,
    (repository, branch): (&RepositoryId, &BranchName),
    commit: &Ref,
    parent: Option<u32>,
) -> Result<Commit> {
    let writing = onto(repository, branch)?;
    match caller.lakefs.cherry_pick(repository, branch, commit, parent).await {
        Ok(made) => Ok(made),
        Err(error) => Err(parent_refused(ops, caller, &writing, (commit, parent), error).await),
    }
}
