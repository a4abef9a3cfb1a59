//! Tags.

use super::absent::no_repository;
use super::branches::no_ref;
use super::repositories::outcome;
use super::{Caller, Ops};
use crate::error::{Error, Kind, Result};
use lakeport_lakefs::{self as lakefs, Page, Tag};
use lakeport_types::{Ref, RepositoryId, TagName};

async fn refused(caller: &Caller, repository: &RepositoryId, name: &str, error: lakefs::Error) -> Error {
    match error.kind() {
        lakefs::Kind::RepositoryNotFound => no_repository(repository),
        lakefs::Kind::TagNotFound => no_ref(repository, name),
        lakefs::Kind::AlreadyExists => tag_exists(name),
        _ => caller.explain(outcome(error)).await,
    }
}

pub(super) fn tag_exists(name: &str) -> Error {
    Error::new(Kind::TagExists, format!("tag {name} is there, or another ref has its name: choose another"))
        .about([name])
}

/// Tags by name.
///
/// # Errors
/// `RepositoryNotFound`.
pub async fn list_tags(
    _ops: &Ops,
    caller: &Caller,
    repository: &RepositoryId,
    prefix: &str,
    after: &str,
    amount: usize,
) -> Result<Page<Tag>> {
    match caller.lakefs.tags(repository, prefix, after, amount).await {
        Ok(page) => Ok(page),
        Err(error) => Err(refused(caller, repository, prefix, error).await),
    }
}

/// A tag.
///
/// # Errors
/// `RefNotFound`, `RepositoryNotFound`.
pub async fn get_tag(_ops: &Ops, caller: &Caller, repository: &RepositoryId, tag: &TagName) -> Result<Tag> {
    match caller.lakefs.tag(repository, tag).await {
        Ok(found) => Ok(found),
        Err(error) => Err(refused(caller, repository, tag.as_str(), error).await),
    }
}

/// Names a commit for ever.
///
/// # Errors
/// `TagExists`, `RefNotFound`, `RepositoryNotFound`.
pub async fn create_tag(
    _ops: &Ops,
    caller: &Caller,
    repository: &RepositoryId,
    tag: &TagName,
    target: &Ref,
) -> Result<Tag> {
    if tag.as_str().starts_with(lakeport_types::TRANSACTION_BRANCH_PREFIX) {
        let message = format!("tag {tag} begins as the branches of transactions do: choose another");
        return Err(Error::new(Kind::ReservedName, message));
    }
    match caller.lakefs.create_tag(repository, tag, target).await {
        Ok(made) => Ok(made),
        Err(error) if error.kind() == lakefs::Kind::NotFound => Err(no_ref(repository, target.as_str())),
        Err(error) => Err(refused(caller, repository, tag.as_str(), error).await),
    }
}

/// Takes a tag away.
///
/// # Errors
/// `RefNotFound`, `RepositoryNotFound`.
pub async fn delete_tag(_ops: &Ops, caller: &Caller, repository: &RepositoryId, tag: &TagName) -> Result<()> {
    match caller.lakefs.delete_tag(repository, tag).await {
        Ok(()) => Ok(()),
        Err(error) => Err(refused(caller, repository, tag.as_str(), error).await),
    }
}
