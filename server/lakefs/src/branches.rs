//! Branches.

use crate::Lakefs;
use crate::error::Result;
use crate::model::{Branch, Page, RawPage};
use crate::url::Target;
use http::Method;
use lakeport_types::{BranchName, ObjectPath, Prefix, Ref, RepositoryId};
use serde_json::json;

/// Set of uncommitted changes on a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Staged {
    /// All uncommitted changes.
    All,
    /// The change of one object.
    Object(ObjectPath),
    /// The changes of all objects with this prefix.
    Below(Prefix),
}

impl Lakefs {
    /// Returns a branch, also if it is hidden.
    ///
    /// # Errors
    /// `RepositoryNotFound`, `BranchNotFound`.
    pub async fn branch(&self, repository: &RepositoryId, branch: &BranchName) -> Result<Branch> {
        self.get(Target::branch(repository, branch)).idempotent().await?.json()
    }

    /// Lists branches whose names start with `prefix` and sort after `after`; at most `amount` (1 to 1,000) per page.
    ///
    /// # Errors
    /// `RepositoryNotFound`.
    pub async fn branches(
        &self,
        repository: &RepositoryId,
        prefix: &str,
        after: &str,
        amount: usize,
        show_hidden: bool,
    ) -> Result<Page<Branch>> {
        let target = Target::repository(repository).word("branches").query_if("prefix", prefix);
        let target = target.query_if("after", after).query("amount", &amount.to_string());
        let target = target.flag("show_hidden", show_hidden);
        Ok(self.get(target).idempotent().await?.json::<RawPage<_>>()?.into())
    }

    /// Creates a branch at the commit of `source` and returns the ID of that commit. Uncommitted changes of `source` are
    /// not copied.
    ///
    /// # Errors
    /// `AlreadyExists`, `NotFound` for the source, `RepositoryNotFound`, `RepositoryReadOnly`.
    pub async fn create_branch(
        &self,
        repository: &RepositoryId,
        branch: &BranchName,
        source: &Ref,
        hidden: bool,
    ) -> Result<String> {
        let target = Target::repository(repository).word("branches");
        let body = json!({ "name": branch.as_str(), "source": source.as_str(), "hidden": hidden });
        // The response is the bare commit ID, not JSON.
        Ok(self.version(Method::POST, target).json(&body).once().await?.text())
    }

    /// Deletes a branch and its uncommitted changes.
    ///
    /// # Errors
    /// `BranchNotFound`, `DefaultBranch`, `RepositoryReadOnly`.
    pub async fn delete_branch(&self, repository: &RepositoryId, branch: &BranchName) -> Result<()> {
        self.version(Method::DELETE, Target::branch(repository, branch)).once().await.map(drop)
    }

    /// Discards uncommitted changes: all of them, the one of an object, or those with a prefix.
    ///
    /// # Errors
    /// `BranchNotFound`, `BranchProtected`, `RepositoryReadOnly`.
    pub async fn reset_branch(&self, repository: &RepositoryId, branch: &BranchName, what: &Staged) -> Result<()> {
        let body = match what {
            Staged::All => json!({ "type": "reset" }),
            Staged::Object(path) => json!({ "type": "object", "path": path.as_str() }),
            Staged::Below(prefix) => json!({ "type": "common_prefix", "path": prefix.as_str() }),
        };
        self.version(Method::PUT, Target::branch(repository, branch)).json(&body).once().await.map(drop)
    }

    /// Moves a branch to another commit. Uncommitted changes stay on the branch.
    ///
    /// # Errors
    /// `BranchNotFound`, `NotFound` for the target, `BranchProtected`, `RepositoryReadOnly`.
    pub async fn hard_reset(&self, repository: &RepositoryId, branch: &BranchName, target: &Ref) -> Result<()> {
        let url = Target::branch(repository, branch).word("hard_reset").query("ref", target.as_str());
        self.version(Method::PUT, url).once().await.map(drop)
    }
}
