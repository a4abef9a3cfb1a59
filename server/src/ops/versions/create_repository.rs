//! `VersionService.CreateRepository`.

use super::once::{CallId, Once, Sent, once};
use super::refusals::repository_refused;
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

    async fn before(&self) -> Result<bool> {
        Ok(self.caller.lakefs.repository(&self.new.name).await.is_ok())
    }

    async fn send(&self, _mark: &str) -> Result<Sent<Repository>> {
        let NewRepository { name, default_branch, read_only, .. } = self.new;
        Ok(self.caller.lakefs.create_repository(name, &self.namespace, default_branch, *read_only).await.into())
    }

    async fn find(&self, existed: &bool, _mark: &str) -> Result<Option<Repository>> {
        match self.caller.lakefs.repository(&self.new.name).await {
            Ok(found) => {
                let given = self.new.storage_namespace.as_str();
                let is_same = found.default_branch == self.new.default_branch.as_str()
                    && (given.is_empty() || found.storage_namespace == given);
                Ok((!existed && is_same).then_some(found))
            }
            Err(error) if error.kind() == lakefs::Kind::RepositoryNotFound => Ok(None),
            Err(error) => Err(self.explain(error).await),
        }
    }

    async fn explain(&self, error: lakefs::Error) -> Error {
        repository_refused(self.caller, &self.new.name, error).await
    }
}
