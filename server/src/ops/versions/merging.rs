//! Shared parts of merges, cherry-picks, reverts and commits.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::Ops;
use crate::ops::dirty_branch::dirty_branch;
use crate::ops::reading::Reading;
use crate::ops::writing::{Writing, writable_branch};
use lakeport_lakefs as lakefs;
use lakeport_types::{BranchName, Ref, RepositoryId};
use serde::{Deserialize, Serialize};

/// Explains an error of lakeFS to a merge.
pub(in crate::ops) async fn merge_refused(
    ops: &Ops,
    caller: &Caller,
    writing: &Writing,
    source: &Ref,
    error: lakefs::Error,
) -> Error {
    match error.kind() {
        lakefs::Kind::NotFound | lakefs::Kind::CommitNotFound => {
            let reading = Reading {
                repository: writing.repository.clone(),
                reference: source.clone(),
                commit: None,
                transaction: None,
            };
            ops.missing_ref(&reading, error).await
        }
        lakefs::Kind::MergeConflict => Error::new(
            Kind::MergeConflict,
            format!("{source} and branch {} changed the same paths: see Diff, or choose a strategy", writing.branch),
        ),
        lakefs::Kind::DirtyBranch => dirty_branch(&caller.lakefs, &writing.repository, &writing.branch).await,
        lakefs::Kind::NoChanges => {
            Error::new(Kind::NoChanges, format!("branch {} already has all changes of {source}", writing.branch))
        }
        _ => writing.refused(ops, caller, error).await,
    }
}

/// Converts an error of lakeFS for a cherry-pick or a revert. If `parent` is missing for a merge commit, or is too large,
/// the error names the field `parent_number`.
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
                    format!("{commit} is a merge: set the number of the parent to compare it with; 1 is the first");
                return Error::field("parent_number", which);
            }
            (count, Some(parent)) if parent as usize > count => {
                return Error::field("parent_number", format!("{commit} has {count} parents, and no parent {parent}"));
            }
            _ => {}
        }
    }
    if error.kind() == lakefs::Kind::NoChanges {
        let message = format!("this would change nothing: {} already has this content", writing.shown());
        return Error::new(Kind::NoChanges, message);
    }
    merge_refused(ops, caller, writing, commit, error).await
}

/// Returns the branch that a merge or cherry-pick changes.
///
/// # Errors
/// `ReservedName` for the branch of a transaction.
pub(in crate::ops) fn destination(repository: &RepositoryId, branch: &BranchName) -> Result<Writing> {
    let branch = writable_branch(&Ref::from(branch))?;
    Ok(Writing::to_branch(repository.clone(), branch))
}

/// The state before a cherry-pick or a revert.
#[derive(Serialize, Deserialize)]
pub(in crate::ops) struct HeadAndCommit {
    /// The head of the branch.
    pub(in crate::ops) head: String,
    /// The commit to apply or to revert. A retry uses the same one, even if its ref has moved.
    pub(in crate::ops) commit: String,
}

impl HeadAndCommit {
    /// Returns the commit as a ref.
    pub(in crate::ops) fn commit(&self) -> Result<Ref> {
        resolved(&self.commit)
    }
}

/// Returns the ref of a commit that lakeFS has named.
pub(in crate::ops) fn resolved(commit: &str) -> Result<Ref> {
    Ref::try_from(commit)
        .map_err(|error| Error::new(Kind::Internal, "lakeFS returned an invalid commit").caused_by(error))
}

/// Returns a commit that the branch contains before a call: its head, or the base commit of its transaction, which needs no
/// request.
///
/// # Errors
/// `RefNotFound`, `RefNotABranch`, `RepositoryNotFound`.
pub(in crate::ops) async fn head(ops: &Ops, caller: &Caller, writing: &Writing) -> Result<String> {
    if let Some(base) = writing.transaction.as_ref().and_then(|transaction| transaction.base_commit_id.as_ref()) {
        return Ok(base.to_string());
    }
    match caller.lakefs.branch(&writing.repository, &writing.branch).await {
        Ok(branch) => Ok(branch.commit_id),
        Err(error) => Err(writing.refused(ops, caller, error).await),
    }
}
