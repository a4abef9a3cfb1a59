//! `VersionService.DeleteRepository`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Ops;
use crate::ops::versions::refusals::repository_refused;
use lakeport_types::RepositoryId;

/// Deletes a repository and all that is in it.
///
/// # Errors
/// `RepositoryNotFound`, `RepositoryReadOnly`.
pub async fn delete_repository(_ops: &Ops, caller: &Caller, repository: &RepositoryId) -> Result<()> {
    match caller.lakefs.delete_repository(repository, false).await {
        Ok(()) => Ok(()),
        Err(error) => Err(repository_refused(caller, repository, error).await),
    }
}
