//! Repositories.

use super::absent::no_repository;
use super::{Caller, Ops};
use crate::error::{Error, Kind, Result};
use lakeport_lakefs::{self as lakefs, Page, Repository};
use lakeport_types::{BranchName, RepositoryId};
use rand::RngExt;

async fn refused(caller: &Caller, repository: &RepositoryId, error: lakefs::Error) -> Error {
    match error.kind() {
        lakefs::Kind::RepositoryNotFound => no_repository(repository),
        lakefs::Kind::AlreadyExists => {
            Error::new(Kind::RepositoryExists, format!("repository {repository} is there already"))
                .about([repository.as_str()])
        }
        _ => caller.explain(outcome(error)).await,
    }
}

/// A version call outside a transaction whose answer was lost may have happened.
pub(super) fn outcome(error: lakefs::Error) -> Error {
    if error.is_ambiguous() {
        return Error::new(
            Kind::OutcomeUnknown,
            "the answer of lakeFS was lost and the call may have had its effect: look before repeating it",
        )
        .caused_by(error);
    }
    error.into()
}

/// Repositories by name.
///
/// # Errors
/// As every call.
pub async fn list_repositories(
    _ops: &Ops,
    caller: &Caller,
    prefix: &str,
    after: &str,
    amount: usize,
) -> Result<Page<Repository>> {
    match caller.lakefs.repositories(prefix, after, amount).await {
        Ok(page) => Ok(page),
        Err(error) => Err(caller.explain(error.into()).await),
    }
}

/// A repository.
///
/// # Errors
/// `RepositoryNotFound`.
pub async fn get_repository(_ops: &Ops, caller: &Caller, repository: &RepositoryId) -> Result<Repository> {
    match caller.lakefs.repository(repository).await {
        Ok(found) => Ok(found),
        Err(error) => Err(refused(caller, repository, error).await),
    }
}

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
        Err(error) => Err(refused(caller, repository, error).await),
    }
}

/// Deletes a repository and all that is in it.
///
/// # Errors
/// `RepositoryNotFound`, `RepositoryReadOnly`.
pub async fn delete_repository(_ops: &Ops, caller: &Caller, repository: &RepositoryId) -> Result<()> {
    match caller.lakefs.delete_repository(repository, false).await {
        Ok(()) => Ok(()),
        Err(error) => Err(refused(caller, repository, error).await),
    }
}
