//! `VersionService.DeleteBranch`.

use super::once::{CallId, Once, Sent, once};
use super::refusals::{branch_refused, check_branch_name};
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::ops::context::Ops;
use lakeport_lakefs as lakefs;
use lakeport_types::{BranchName, RepositoryId};

/// Deletes a branch with its uncommitted changes.
///
/// # Errors
/// `RefNotFound`, `DefaultBranch`, `RepositoryNotFound`, `ReservedName`, `RequestInProgress`, `OutcomeUnknown`.
pub async fn delete_branch(
    ops: &Ops,
    caller: &Caller,
    id: &CallId,
    repository: &RepositoryId,
    branch: &BranchName,
) -> Result<()> {
    check_branch_name(branch)?;
    once(ops, caller, id, &Call { caller, repository, branch }).await
}

struct Call<'c> {
    caller: &'c Caller,
    repository: &'c RepositoryId,
    branch: &'c BranchName,
}

impl Once for Call<'_> {
    /// Whether the branch existed.
    type Before = bool;
    type Output = ();

    async fn before(&self) -> Result<bool> {
        Ok(self.caller.lakefs.branch(self.repository, self.branch).await.is_ok())
    }

    async fn send(&self, _mark: &str) -> Result<Sent<()>> {
        Ok(self.caller.lakefs.delete_branch(self.repository, self.branch).await.into())
    }

    async fn find(&self, existed: &bool, _mark: &str) -> Result<Option<()>> {
        match self.caller.lakefs.branch(self.repository, self.branch).await {
            Ok(_) => Ok(None),
            Err(error) if error.kind() == lakefs::Kind::BranchNotFound => Ok(existed.then_some(())),
            Err(error) => Err(self.explain(error).await),
        }
    }

    async fn explain(&self, error: lakefs::Error) -> Error {
        branch_refused(self.caller, self.repository, self.branch.as_str(), error).await
    }
}
