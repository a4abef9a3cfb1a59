//! `VersionService.DeleteBranch`.

use super::once::{CallId, Found, Once, Sent, once};
use super::refusals::{branch_refused, check_branch_name, existing};
use super::staging::Staging;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::ops::context::Ops;
use lakeport_lakefs::{self as lakefs, Staged};
use lakeport_types::{BranchName, RepositoryId};
use serde::{Deserialize, Serialize};

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

/// The branch before the first attempt.
#[derive(Serialize, Deserialize)]
struct Before {
    head: String,
    staging: Staging,
}

impl Once for Call<'_> {
    type Before = Option<Before>;
    type Output = ();
    /// A missing branch does not prove it: an attempt in flight could still delete a new branch with the same name.
    const IS_CONCLUSIVE: bool = false;

    async fn before(&self) -> Result<Option<Before>> {
        match self.look().await {
            Ok(before) => Ok(before),
            Err(error) => Err(self.explain(error).await),
        }
    }

    async fn send(&self, _before: &Option<Before>, _mark: &str) -> Result<Sent<()>> {
        Ok(self.caller.lakefs.delete_branch(self.repository, self.branch).await.into())
    }

    async fn find(&self, before: &Option<Before>, _mark: &str) -> Result<Found<()>> {
        let Some(before) = before else { return Ok(Found::NotDone) };
        let Some(now) = self.before().await? else { return Ok(Found::Done(())) };
        if now.head != before.head {
            return Ok(Found::Unknown);
        }
        // With the same head and without uncommitted changes, even a new branch has nothing to lose.
        let has_nothing_new = match now.staging {
            Staging::Clean => Ok(true),
            Staging::Dirty(_) => before.staging.is_kept(self.caller, (self.repository, self.branch)).await,
        };
        match has_nothing_new {
            Ok(true) => Ok(Found::NotDone),
            Ok(false) => Ok(Found::Unknown),
            Err(error) => Err(self.explain(error).await),
        }
    }

    async fn explain(&self, error: lakefs::Error) -> Error {
        branch_refused(self.caller, self.repository, self.branch.as_str(), error).await
    }
}

impl Call<'_> {
    async fn look(&self) -> lakefs::Result<Option<Before>> {
        let branch = self.caller.lakefs.branch(self.repository, self.branch).await;
        let Some(branch) = existing(branch, lakefs::Kind::BranchNotFound)? else { return Ok(None) };
        let staging = Staging::read(self.caller, (self.repository, self.branch), &Staged::All).await;
        // The branch may have been deleted in between.
        let staging = existing(staging, lakefs::Kind::BranchNotFound)?;
        Ok(staging.map(|staging| Before { head: branch.commit_id, staging }))
    }
}
