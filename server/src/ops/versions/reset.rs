//! `VersionService.Reset`.

use super::get_branch::get_branch;
use super::merging::resolved;
use super::once::{CallId, Found, Once, Sent, once};
use super::refusals::{branch_refused, check_branch_name};
use super::staging::Staging;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::ops::context::Ops;
use crate::ops::errors::no_ref;
use lakeport_lakefs::{self as lakefs, Branch, Staged};
use lakeport_types::{BranchName, Ref, RepositoryId};
use serde::{Deserialize, Serialize};

/// What a reset does.
#[derive(Debug, Clone)]
pub enum Reset {
    /// Discards uncommitted changes.
    Uncommitted(Staged),
    /// Moves the branch to a commit.
    To(Ref),
}

/// Discards uncommitted changes of a branch, or moves it to another commit.
///
/// # Errors
/// `RefNotFound`, `BranchProtected`, `RepositoryNotFound`, `ReservedName`, `RequestInProgress`, `OutcomeUnknown`.
pub async fn reset(
    ops: &Ops,
    caller: &Caller,
    id: &CallId,
    (repository, branch): (&RepositoryId, &BranchName),
    reset: &Reset,
) -> Result<Branch> {
    check_branch_name(branch)?;
    once(ops, caller, id, &Call { ops, caller, repository, branch, reset }).await
}

struct Call<'c> {
    ops: &'c Ops,
    caller: &'c Caller,
    repository: &'c RepositoryId,
    branch: &'c BranchName,
    reset: &'c Reset,
}

/// The state before the first attempt.
#[derive(Serialize, Deserialize)]
struct Before {
    /// The head of the branch.
    head: String,
    /// The commit to move to.
    target: Option<String>,
    /// The uncommitted changes that the call discards.
    staging: Staging,
}

impl Once for Call<'_> {
    type Before = Before;
    type Output = Branch;
    /// A late reset could discard new changes.
    const IS_CONCLUSIVE: bool = false;

    async fn before(&self) -> Result<Before> {
        let head = get_branch(self.ops, self.caller, self.repository, self.branch).await?.commit_id;
        let target = match self.reset {
            Reset::Uncommitted(_) => None,
            Reset::To(target) => match self.caller.lakefs.get_commit(self.repository, target).await {
                Ok(commit) => Some(commit.id),
                Err(error) if error.kind() == lakefs::Kind::CommitNotFound => {
                    return Err(no_ref(self.repository, target.as_str()));
                }
                Err(error) => return Err(self.explain(error).await),
            },
        };
        Ok(Before { head, target, staging: self.staging().await? })
    }

    async fn send(&self, before: &Before, _mark: &str) -> Result<Sent<Branch>> {
        let (repository, branch) = (self.repository, self.branch);
        let response = match (self.reset, &before.target) {
            (Reset::Uncommitted(what), _) => self.caller.lakefs.reset_branch(repository, branch, what).await,
            (Reset::To(_), Some(target)) => self.caller.lakefs.hard_reset(repository, branch, &resolved(target)?).await,
            (Reset::To(target), None) => self.caller.lakefs.hard_reset(repository, branch, target).await,
        };
        Ok(response.map(|()| self.result(before)).into())
    }

    async fn find(&self, before: &Before, _mark: &str) -> Result<Found<Branch>> {
        let now = self.before().await?;
        let is_kept = before.staging.is_kept(self.caller, (self.repository, self.branch)).await;
        let is_kept = match is_kept {
            Ok(is_kept) => is_kept,
            Err(error) => return Err(self.explain(error).await),
        };
        let is_discarded = now.staging == Staging::Clean;
        Ok(match &before.target {
            // The earlier attempt had no effect: it would have discarded this object.
            None if is_kept => Found::NotDone,
            None if is_discarded => Found::Done(self.result(before)),
            Some(target) if now.head == *target && is_discarded => Found::Done(self.result(before)),
            Some(target) if now.head == before.head && before.head != *target => Found::NotDone,
            Some(target) if now.head == *target && is_kept => Found::NotDone,
            _ => Found::Unknown,
        })
    }

    async fn explain(&self, error: lakefs::Error) -> Error {
        branch_refused(self.caller, self.repository, self.branch.as_str(), error).await
    }
}

impl Call<'_> {
    async fn staging(&self) -> Result<Staging> {
        let selected = match self.reset {
            Reset::Uncommitted(selected) => selected,
            Reset::To(_) => &Staged::All,
        };
        match Staging::read(self.caller, (self.repository, self.branch), selected).await {
            Ok(staging) => Ok(staging),
            Err(error) => Err(self.explain(error).await),
        }
    }

    /// The branch after the call.
    fn result(&self, before: &Before) -> Branch {
        Branch { id: self.branch.to_string(), commit_id: before.target.clone().unwrap_or_else(|| before.head.clone()) }
    }
}
