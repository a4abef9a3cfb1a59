//! `VersionService.DeleteRepository`.

use super::once::{CallId, Found, Once, Sent, once};
use super::refusals::{existing, repository_refused};
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::ops::context::Ops;
use lakeport_lakefs::{self as lakefs, Repository};
use lakeport_types::RepositoryId;

/// Deletes a repository with all of its contents.
///
/// # Errors
/// `RepositoryNotFound`, `RepositoryReadOnly`, `RequestInProgress`, `OutcomeUnknown`.
pub async fn delete_repository(ops: &Ops, caller: &Caller, id: &CallId, repository: &RepositoryId) -> Result<()> {
    once(ops, caller, id, &Call { caller, repository }).await
}

struct Call<'c> {
    caller: &'c Caller,
    repository: &'c RepositoryId,
}

impl Once for Call<'_> {
    type Before = Option<Repository>;
    type Output = ();
    /// A late deletion could delete a new repository of the same name.
    const IS_CONCLUSIVE: bool = false;

    async fn before(&self) -> Result<Option<Repository>> {
        match existing(self.caller.lakefs.repository(self.repository).await, lakefs::Kind::RepositoryNotFound) {
            Ok(repository) => Ok(repository),
            Err(error) => Err(self.explain(error).await),
        }
    }

    async fn send(&self, _before: &Option<Repository>, _mark: &str) -> Result<Sent<()>> {
        Ok(self.caller.lakefs.delete_repository(self.repository, false).await.into())
    }

    async fn find(&self, before: &Option<Repository>, _mark: &str) -> Result<Found<()>> {
        // Two repositories of one name differ in their creation time.
        let now = self.before().await?;
        Ok(if before.is_some() && now != *before { Found::Done(()) } else { Found::NotDone })
    }

    async fn explain(&self, error: lakefs::Error) -> Error {
        repository_refused(self.caller, self.repository, error).await
    }
}
