//! Repositories.

use crate::Lakefs;
use crate::error::Result;
use crate::model::{Page, RawPage, Repository};
use crate::url::Target;
use http::Method;
use lakeport_types::{BranchName, RepositoryId};
use serde_json::json;

impl Lakefs {
    /// Returns a repository.
    ///
    /// # Errors
    /// `RepositoryNotFound`.
    pub async fn repository(&self, repository: &RepositoryId) -> Result<Repository> {
        self.get(Target::repository(repository)).idempotent().await?.json()
    }

    /// Lists repositories whose IDs start with `prefix` and sort after `after`; at most `amount` (1 to 1,000) per page.
    ///
    /// # Errors
    /// `Unauthenticated`, `Unavailable` and the other errors that every call can return.
    pub async fn repositories(&self, prefix: &str, after: &str, amount: usize) -> Result<Page<Repository>> {
        let target = Target::new("/repositories").query_if("prefix", prefix).query_if("after", after);
        let target = target.query("amount", &amount.to_string());
        Ok(self.get(target).idempotent().await?.json::<RawPage<_>>()?.into())
    }

    /// Creates a repository. No repository may have used its storage namespace before.
    ///
    /// # Errors
    /// `AlreadyExists`; `InvalidArgument` if the namespace is in use, or if its scheme is not that of this lakeFS's object
    /// store.
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

    /// Deletes a repository and all its contents.
    ///
    /// # Errors
    /// `RepositoryNotFound`, `RepositoryReadOnly`.
    pub async fn delete_repository(&self, repository: &RepositoryId, force: bool) -> Result<()> {
        let target = Target::repository(repository).flag("force", force);
        self.version(Method::DELETE, target).once().await.map(drop)
    }
}
