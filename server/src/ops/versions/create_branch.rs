//! `VersionService.CreateBranch`.

use super::once::{CallId, Once, Sent, once};
use super::refusals::{branch_refused, check_branch_name};
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::ops::context::Ops;
use crate::ops::errors::no_ref;
use lakeport_lakefs::{self as lakefs, Branch, LogQuery};
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

    async fn before(&self) -> Result<Before> {
        let NewBranch { repository, name, source } = self.new;
        let commit = match self.caller.lakefs.get_commit(repository, source).await {
            Ok(commit) => commit.id,
            Err(error) => return Err(self.explain_source(error).await),
        };
        Ok(Before { commit, existed: self.caller.lakefs.branch(repository, name).await.is_ok() })
    }

    async fn send(&self, _mark: &str) -> Result<Sent<Branch>> {
        let NewBranch { repository, name, source } = self.new;
        let created = self.caller.lakefs.create_branch(repository, name, source, false).await;
        Ok(created.map(|commit_id| Branch { id: name.to_string(), commit_id }).into())
    }

    /// The branch did not exist before and comes from the commit of the source.
    async fn find(&self, before: &Before, _mark: &str) -> Result<Option<Branch>> {
        let NewBranch { repository, name, .. } = self.new;
        let branch = match self.caller.lakefs.branch(repository, name).await {
            Ok(branch) if !before.existed => branch,
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == lakefs::Kind::BranchNotFound => return Ok(None),
            Err(error) => return Err(self.explain(error).await),
        };
        if branch.commit_id == before.commit {
            return Ok(Some(branch));
        }
        // Commits may have been made on it since.
        let query = LogQuery { amount: 1000, first_parent: true, ..LogQuery::default() };
        let page = self.caller.lakefs.log(repository, &Ref::from(name), &query).await;
        let is_descendant = page.is_ok_and(|page| page.results.iter().any(|commit| commit.id == before.commit));
        Ok(is_descendant.then_some(branch))
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
