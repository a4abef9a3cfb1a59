//! `VersionService.CreateBranch`.

use super::merging::resolved;
use super::once::{CallId, Found, Once, Sent, once};
use super::refusals::{branch_refused, check_branch_name, existing};
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::ops::context::Ops;
use crate::ops::errors::no_ref;
use lakeport_lakefs::{self as lakefs, Branch};
use lakeport_types::{BranchName, Ref, RepositoryId};
use serde::{Deserialize, Serialize};

/// Parameters of a new branch.
#[derive(Debug, Clone)]
pub struct NewBranch {
    /// Repository.
    pub repository: RepositoryId,
    /// Name.
    pub name: BranchName,
    /// The ref to begin from.
    pub source: Ref,
}

/// Creates a branch at the commit of a ref.
///
/// # Errors
/// `BranchExists`, `RefNotFound`, `RepositoryNotFound`, `ReservedName`, `RequestInProgress`, `OutcomeUnknown`.
pub async fn create_branch(ops: &Ops, caller: &Caller, id: &CallId, new: &NewBranch) -> Result<Branch> {
    check_branch_name(&new.name)?;
    once(ops, caller, id, &Call { caller, new }).await
}

struct Call<'c> {
    caller: &'c Caller,
    new: &'c NewBranch,
}

/// The state before the first attempt.
#[derive(Serialize, Deserialize)]
struct Before {
    /// The commit of the source.
    commit: String,
    /// Whether a branch with this name existed.
    existed: bool,
}

impl Once for Call<'_> {
    type Before = Before;
    type Output = Branch;
    /// lakeFS refuses to create a branch that exists.
    const IS_CONCLUSIVE: bool = true;
    const IS_REPEATABLE: bool = true;

    async fn before(&self) -> Result<Before> {
        let NewBranch { repository, name, source } = self.new;
        let commit = match self.caller.lakefs.get_commit(repository, source).await {
            Ok(commit) => commit.id,
            Err(error) => return Err(self.explain_source(error).await),
        };
        match existing(self.caller.lakefs.branch(repository, name).await, lakefs::Kind::BranchNotFound) {
            Ok(branch) => Ok(Before { commit, existed: branch.is_some() }),
            Err(error) => Err(self.explain(error).await),
        }
    }

    async fn send(&self, before: &Before, _mark: &str) -> Result<Sent<Branch>> {
        let NewBranch { repository, name, .. } = self.new;
        let commit = resolved(&before.commit)?;
        let created = self.caller.lakefs.create_branch(repository, name, &commit, false).await;
        Ok(created.map(|commit_id| Branch { id: name.to_string(), commit_id }).into())
    }

    /// The branch did not exist before and comes from the commit of the source.
    async fn find(&self, before: &Before, _mark: &str) -> Result<Found<Branch>> {
        let NewBranch { repository, name, .. } = self.new;
        match existing(self.caller.lakefs.branch(repository, name).await, lakefs::Kind::BranchNotFound) {
            Ok(Some(branch)) if !before.existed && branch.commit_id == before.commit => Ok(Found::Done(branch)),
            // A retry gets a definite response of lakeFS.
            Ok(Some(_)) if before.existed => Ok(Found::NotDone),
            // It may be this branch with new commits, or another one.
            Ok(Some(_)) => Ok(Found::Unknown),
            Ok(None) => Ok(Found::NotDone),
            Err(error) => Err(self.explain(error).await),
        }
    }

    async fn explain(&self, error: lakefs::Error) -> Error {
        match error.kind() {
            lakefs::Kind::NotFound => no_ref(&self.new.repository, self.new.source.as_str()),
            _ => branch_refused(self.caller, &self.new.repository, self.new.name.as_str(), error).await,
        }
    }
}

impl Call<'_> {
    async fn explain_source(&self, error: lakefs::Error) -> Error {
        match error.kind() {
            lakefs::Kind::CommitNotFound => no_ref(&self.new.repository, self.new.source.as_str()),
            _ => self.explain(error).await,
        }
    }
}
