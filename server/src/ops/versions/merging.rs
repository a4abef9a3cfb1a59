//! What merges, cherry-picks and reverts share.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::Ops;
use crate::ops::errors::outcome;
use crate::ops::reading::Reading;
use crate::ops::writing::{Writing, writable_branch};
use lakeport_lakefs as lakefs;
use lakeport_types::{BranchName, Ref, RepositoryId};

/// What a refusal of lakeFS means here.
pub(in crate::ops) async fn merge_refused(
    ops: &Ops,
    caller: &Caller,
    writing: &Writing,
    source: &Ref,
    error: lakefs::Error,
) -> Error {
    match error.kind() {
        _ if error.is_ambiguous() => outcome(error),
        lakefs::Kind::NotFound | lakefs::Kind::CommitNotFound => {
            let reading =
                Reading { repository: writing.repository.clone(), reference: source.clone(), transaction: None };
            ops.missing_ref(&reading, error).await
        }
        lakefs::Kind::MergeConflict => Error::new(
            Kind::MergeConflict,
            format!("{source} and branch {} changed the same paths: see Diff, or choose a strategy", writing.branch),
        ),
        lakefs::Kind::DirtyBranch => Error::new(
            Kind::BaseDirty,
            format!("branch {} has uncommitted changes: commit or reset them", writing.branch),
        ),
        lakefs::Kind::NoChanges => {
            Error::new(Kind::NoChanges, format!("nothing of {source} is new to {}", writing.branch))
        }
        _ => writing.refused(ops, caller, error).await,
    }
}

/// The same, of a commit that is taken against one of its parents: which, has to be said of a merge alone.
pub(in crate::ops) async fn parent_refused(
    ops: &Ops,
    caller: &Caller,
    writing: &Writing,
    (commit, parent): (&Ref, Option<u32>),
    error: lakefs::Error,
) -> Error {
    if error.kind() == lakefs::Kind::InvalidArgument
        && let Ok(found) = caller.lakefs.get_commit(&writing.repository, commit).await
    {
        match (found.parents.len(), parent) {
            (2.., None) => {
                let which =
                    format!("{commit} is a merge: say which of its parents it is taken against; 1 is the first");
                return Error::field("parent_number", which);
            }
            (count, Some(parent)) if parent as usize > count => {
                return Error::field("parent_number", format!("{commit} has no parent {parent}, but {count}"));
            }
            _ => {}
        }
    }
    merge_refused(ops, caller, writing, commit, error).await
}

pub(in crate::ops) fn onto(repository: &RepositoryId, branch: &BranchName) -> Result<Writing> {
    let branch = writable_branch(&Ref::from(branch))?;
    Ok(Writing { repository: repository.clone(), branch, transaction: None })
}
