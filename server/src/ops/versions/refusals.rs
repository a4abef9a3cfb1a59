//! Explains errors of lakeFS about repositories, branches and tags.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::errors::{no_ref, no_repository, not_a_branch, outcome, tag_exists};
use lakeport_lakefs as lakefs;
use lakeport_types::{BranchName, Ref, RepositoryId};

pub(in crate::ops) async fn repository_refused(
    caller: &Caller,
    repository: &RepositoryId,
    error: lakefs::Error,
) -> Error {
    match error.kind() {
        lakefs::Kind::RepositoryNotFound => no_repository(repository),
        lakefs::Kind::AlreadyExists => {
            Error::new(Kind::RepositoryExists, format!("repository {repository} already exists"))
                .about([repository.as_str()])
        }
        _ => caller.explain(outcome(error)).await,
    }
}

pub(in crate::ops) async fn branch_refused(
    caller: &Caller,
    repository: &RepositoryId,
    name: &str,
    error: lakefs::Error,
) -> Error {
    match error.kind() {
        lakefs::Kind::RepositoryNotFound => no_repository(repository),
        lakefs::Kind::BranchNotFound => {
            let is_other = match Ref::try_from(name) {
                Ok(reference) => caller.lakefs.check_ref(repository, &reference).await.is_ok(),
                Err(_) => false,
            };
            if is_other { not_a_branch(name) } else { no_ref(repository, name) }
        }
        lakefs::Kind::NotFound | lakefs::Kind::CommitNotFound => no_ref(repository, name),
        lakefs::Kind::AlreadyExists => {
            Error::new(Kind::BranchExists, format!("branch {name} already exists, or another ref has its name"))
                .about([name])
        }
        lakefs::Kind::DefaultBranch => Error::new(
            Kind::DefaultBranch,
            format!("{name} is the default branch of {repository} and cannot be deleted"),
        ),
        _ => caller.explain(outcome(error)).await,
    }
}

/// Returns whether a resource exists: `None` for an error of the kind `missing`.
///
/// # Errors
/// Any other error.
pub(in crate::ops) fn existing<T>(found: lakefs::Result<T>, missing: lakefs::Kind) -> lakefs::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == missing => Ok(None),
        Err(error) => Err(error),
    }
}

/// Rejects names that are reserved for transactions.
pub(in crate::ops) fn check_branch_name(branch: &BranchName) -> Result<()> {
    if branch.is_transaction() {
        let message = format!("branch {branch}: names that start with lakeport-tx- are reserved for transactions");
        return Err(Error::new(Kind::ReservedName, message));
    }
    Ok(())
}

pub(in crate::ops) async fn tag_refused(
    caller: &Caller,
    repository: &RepositoryId,
    name: &str,
    error: lakefs::Error,
) -> Error {
    match error.kind() {
        lakefs::Kind::RepositoryNotFound => no_repository(repository),
        lakefs::Kind::TagNotFound => no_ref(repository, name),
        lakefs::Kind::AlreadyExists => tag_exists(name),
        _ => caller.explain(outcome(error)).await,
    }
}
