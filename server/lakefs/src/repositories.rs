//! Repositories.

use crate::Lakefs;
use crate::error::Result;
use crate::model::{Page, RawPage, Repository};
use crate::url::Target;
use http::Method;
use lakeport_types::{BranchName, RepositoryId};
use serde_json::json;

impl Lakefs {
    /// A repository.
    ///
    /// # Errors
    /// `RepositoryNotFound`.
    pub async fn repository(&self, repository: &RepositoryId) -> Result<Repository> {
        self.get(Target::repository(repository)).idempotent().await?.json()
    }

    /// Repositories whose name begins with `prefix`, from behind `after`, at most `amount` (1 to 1,000).
    ///
    /// # Errors
    /// As every call.
    pub async fn repositories(&self, prefix: &str, after: &str, amount: usize) -> Result<Page<Repository>> {
        let target = Target::new("/repositories").query_if("prefix", prefix).query_if("after", after);
        let target = target.query("amount", &amount.to_string());
        Ok(self.get(target).idempotent().await?.json::<RawPage<_>>()?.into())
    }

    /// Makes a repository in a storage namespace that none has ever used.
    ///
    /// # Errors
    /// `AlreadyExists`; `InvalidArgument` for a namespace that is in use or not of this lakeFS's kind.
    pub async fn create_repository(
        &self,
        repository: &RepositoryId,
        storage_namespace: &str,
        default_branch: &BranchName,
        read_only: bool,
    ) -> Result<Repository> {
        let body = json!({
            "name": repository.as_str(),
            "storage_namespace": storage_namespace,
            "default_branch": default_branch.as_str(),
            "read_only": read_only,
        });
        self.version(Method::POST, Target::new("/repositories")).json(&body).once().await?.json()
    }

    /// Deletes a repository and all that is in it.
    ///
    /// # Errors
    /// `RepositoryNotFound`, `RepositoryReadOnly`.
    pub async fn delete_repository(&self, repository: &RepositoryId, force: bool) -> Result<()> {
        let target = Target::repository(repository).flag("force", force);
        self.version(Method::DELETE, target).once().await.map(drop)
    }
}
