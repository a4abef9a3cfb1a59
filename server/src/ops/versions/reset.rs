//! `VersionService.Reset`.

use super::get_branch::get_branch;
use super::once::{CallId, Once, Sent, once};
use super::refusals::{branch_refused, check_branch_name};
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
    once(ops, caller, id, &Call { ops, caller, repository, branch, reset }).await?;
    get_branch(ops, caller, repository, branch).await
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
}

impl Once for Call<'_> {
    type Before = Before;
    type Output = ();

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
        Ok(Before { head, target })
    }

    async fn send(&self, _mark: &str) -> Result<Sent<()>> {
        let (repository, branch) = (self.repository, self.branch);
        Ok(match self.reset {
            Reset::Uncommitted(what) => self.caller.lakefs.reset_branch(repository, branch, what).await.into(),
            Reset::To(target) => match self.caller.lakefs.hard_reset(repository, branch, target).await {
                Err(error) if error.kind() == lakefs::Kind::NotFound => {
                    return Err(no_ref(repository, target.as_str()));
                }
                other => other.into(),
            },
        })
    }

    /// The branch has moved to the target, or nothing is uncommitted any more.
    async fn find(&self, before: &Before, _mark: &str) -> Result<Option<()>> {
        match (self.reset, &before.target) {
            (Reset::To(_), Some(target)) => {
                let head = get_branch(self.ops, self.caller, self.repository, self.branch).await?.commit_id;
                Ok((head == *target && (before.head != *target)).then_some(()))
            }
            (Reset::Uncommitted(what), _) => {
                let prefix = match what {
                    Staged::All => "",
                    Staged::Object(path) => path.as_str(),
                    Staged::Below(prefix) => prefix.as_str(),
                };
                let changes = self.caller.lakefs.uncommitted(self.repository, self.branch, prefix, "", 1).await;
                match changes {
                    Ok(page) => Ok(page.results.is_empty().then_some(())),
                    Err(error) => Err(self.explain(error).await),
                }
            }
            (Reset::To(_), None) => Ok(None),
        }
    }

    async fn explain(&self, error: lakefs::Error) -> Error {
        branch_refused(self.caller, self.repository, self.branch.as_str(), error).await
    }
}
