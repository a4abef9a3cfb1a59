//! Merges and cherry-picks, outside transactions.

use super::locate::writable_branch;
use super::repositories::outcome;
use super::write::check_metadata;
use super::{Caller, Ops, Reading, Writing};
use crate::error::{Error, Kind, Result};
use lakeport_lakefs::{self as lakefs, Commit, NewMerge};
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

/// What a refusal of lakeFS means here.
pub(super) async fn refused(
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
pub(super) async fn refused_against(
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
    refused(ops, caller, writing, commit, error).await
}

fn onto(repository: &RepositoryId, branch: &BranchName) -> Result<Writing> {
    let branch = writable_branch(&Ref::from(branch))?;
    Ok(Writing { repository: repository.clone(), branch, transaction: None })
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
        Err(error) => Err(refused(ops, caller, &writing, &request.source, error).await),
    }
}

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
        Err(error) => Err(refused_against(ops, caller, &writing, (commit, parent), error).await),
    }
}
