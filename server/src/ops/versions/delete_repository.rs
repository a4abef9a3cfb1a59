//! `VersionService.DeleteRepository`.

use super::once::{CallId, Once, Sent, once};
use super::refusals::repository_refused;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::ops::context::Ops;
use lakeport_lakefs as lakefs;
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
    /// Whether the repository existed.
    type Before = bool;
    type Output = ();

    async fn before(&self) -> Result<bool> {
        Ok(self.caller.lakefs.repository(self.repository).await.is_ok())
    }

    async fn send(&self, _mark: &str) -> Result<Sent<()>> {
        Ok(self.caller.lakefs.delete_repository(self.repository, false).await.into())
    }

    async fn find(&self, existed: &bool, _mark: &str) -> Result<Option<()>> {
        match self.caller.lakefs.repository(self.repository).await {
            Ok(_) => Ok(None),
            Err(error) if error.kind() == lakefs::Kind::RepositoryNotFound => Ok(existed.then_some(())),
            Err(error) => Err(self.explain(error).await),
        }
    }

    async fn explain(&self, error: lakefs::Error) -> Error {
        repository_refused(self.caller, self.repository, error).await
    }
}
