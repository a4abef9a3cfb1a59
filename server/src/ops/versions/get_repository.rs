//! `VersionService.GetRepository`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Ops;
use crate::ops::versions::refusals::repository_refused;
use lakeport_lakefs::Repository;
use lakeport_types::RepositoryId;

/// Returns a repository.
///
/// # Errors
/// `RepositoryNotFound`.
pub async fn get_repository(_ops: &Ops, caller: &Caller, repository: &RepositoryId) -> Result<Repository> {
    match caller.lakefs.repository(repository).await {
        Ok(found) => Ok(found),
        Err(error) => Err(repository_refused(caller, repository, error).await),
    }
}
