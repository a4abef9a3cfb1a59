//! `VersionService.CreateRepository`.

use super::once::{CallId, Found, Once, Sent, once};
use super::refusals::{existing, repository_refused};
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::ops::context::Ops;
use lakeport_lakefs::{self as lakefs, Repository};
use lakeport_types::{BranchName, RepositoryId};
use rand::RngExt;

/// Parameters of a new repository.
#[derive(Debug, Clone)]
pub struct NewRepository {
    /// Name.
    pub name: RepositoryId,
    /// URL where lakeFS stores the objects. May be empty with an embedded lake.
    pub storage_namespace: String,
    /// Name of the default branch.
    pub default_branch: BranchName,
    /// Whether the repository refuses writes.
    pub read_only: bool,
}

/// Creates a repository. An embedded lake chooses the storage namespace if none is given.
///
/// # Errors
/// `RepositoryExists`, `InvalidField`, `RefusedByLakefs` for a namespace that was ever used, `RequestInProgress`, `OutcomeUnknown`.
pub async fn create_repository(ops: &Ops, caller: &Caller, id: &CallId, new: &NewRepository) -> Result<Repository> {
    let namespace = match new.storage_namespace.as_str() {
        "" if ops.is_embedded => format!("local://{}-{:08x}", new.name, rand::rng().random::<u32>()),
        "" => return Err(Error::field("storage_namespace", "is empty: name one, such as s3://bucket/path")),
        given => given.to_owned(),
    };
    once(ops, caller, id, &Call { caller, new, namespace }).await
}

struct Call<'c> {
    caller: &'c Caller,
    new: &'c NewRepository,
    namespace: String,
}

impl Once for Call<'_> {
    /// Whether a repository with this name existed.
    type Before = bool;
    type Output = Repository;
    /// lakeFS refuses to create a repository that exists.
    const IS_CONCLUSIVE: bool = true;
    const IS_REPEATABLE: bool = true;

    async fn before(&self) -> Result<bool> {
        match existing(self.caller.lakefs.repository(&self.new.name).await, lakefs::Kind::RepositoryNotFound) {
            Ok(repository) => Ok(repository.is_some()),
            Err(error) => Err(self.explain(error).await),
        }
    }

    async fn send(&self, _existed: &bool, _mark: &str) -> Result<Sent<Repository>> {
        let NewRepository { name, default_branch, read_only, .. } = self.new;
        Ok(self.caller.lakefs.create_repository(name, &self.namespace, default_branch, *read_only).await.into())
    }

    async fn find(&self, existed: &bool, _mark: &str) -> Result<Found<Repository>> {
        match existing(self.caller.lakefs.repository(&self.new.name).await, lakefs::Kind::RepositoryNotFound) {
            Ok(Some(found)) if !existed && self.is_as_requested(&found) => Ok(Found::Done(found)),
            // A retry gets a definite response of lakeFS.
            Ok(_) => Ok(Found::NotDone),
            Err(error) => Err(self.explain(error).await),
        }
    }

    async fn explain(&self, error: lakefs::Error) -> Error {
        repository_refused(self.caller, &self.new.name, error).await
    }
}

impl Call<'_> {
    fn is_as_requested(&self, found: &Repository) -> bool {
        let NewRepository { storage_namespace, default_branch, read_only, .. } = self.new;
        let is_namespace = storage_namespace.is_empty() || found.storage_namespace == *storage_namespace;
        is_namespace && found.default_branch == default_branch.as_str() && found.read_only == *read_only
    }
}
