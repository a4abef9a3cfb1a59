//! `VersionService.CreateRepository`.

use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::ops::context::Ops;
use crate::ops::versions::refusals::repository_refused;
use lakeport_lakefs::Repository;
use lakeport_types::{BranchName, RepositoryId};
use rand::RngExt;

/// Makes a repository. An embedded lake has namespaces to give; elsewhere the caller has to name one.
///
/// # Errors
/// `RepositoryExists`, `InvalidField`, `RefusedByLakefs` for a namespace that was ever used.
pub async fn create_repository(
    ops: &Ops,
    caller: &Caller,
    repository: &RepositoryId,
    storage_namespace: &str,
    default_branch: &BranchName,
    read_only: bool,
) -> Result<Repository> {
    let namespace = match storage_namespace {
        "" if ops.is_embedded => format!("local://{repository}-{:08x}", rand::rng().random::<u32>()),
        "" => return Err(Error::field("storage_namespace", "is empty: name one, such as s3://bucket/path")),
        given => given.to_owned(),
    };
    match caller.lakefs.create_repository(repository, &namespace, default_branch, read_only).await {
        Ok(made) => Ok(made),
        Err(error) => Err(repository_refused(caller, repository, error).await),
    }
}
