//! Branches.

use crate::Lakefs;
use crate::error::Result;
use crate::model::{Branch, Page, RawPage};
use crate::url::Target;
use http::Method;
use lakeport_types::{BranchName, ObjectPath, Prefix, Ref, RepositoryId};
use serde_json::json;

/// What is uncommitted on a branch, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Staged {
    /// Everything.
    All,
    /// At one path.
    Object(ObjectPath),
    /// Below a prefix.
    Below(Prefix),
}

impl Lakefs {
    /// A branch, hidden or not.
    ///
    /// # Errors
    /// `RepositoryNotFound`, `BranchNotFound`.
    pub async fn branch(&self, repository: &RepositoryId, branch: &BranchName) -> Result<Branch> {
        self.get(Target::branch(repository, branch)).idempotent().await?.json()
    }

    /// Branches whose name begins with `prefix`, from behind `after`, at most `amount` (1 to 1,000).
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

    /// Makes a branch at the commit of `source` and says which that is. What is staged on a source is not taken.
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
        // The answer is the bare commit ID, not JSON.
        Ok(self.version(Method::POST, target).json(&body).once().await?.text())
    }

    /// Deletes a branch and what is staged on it.
    ///
    /// # Errors
    /// `BranchNotFound`, `DefaultBranch`, `RepositoryReadOnly`.
    pub async fn delete_branch(&self, repository: &RepositoryId, branch: &BranchName) -> Result<()> {
        self.version(Method::DELETE, Target::branch(repository, branch)).once().await.map(drop)
    }

    /// Takes back what is staged: all of it, one path, or what begins with a prefix.
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

    /// Moves a branch to another commit. What is staged stays staged.
    ///
    /// # Errors
    /// `BranchNotFound`, `NotFound` for the target, `BranchProtected`, `RepositoryReadOnly`.
    pub async fn hard_reset(&self, repository: &RepositoryId, branch: &BranchName, target: &Ref) -> Result<()> {
        let url = Target::branch(repository, branch).word("hard_reset").query("ref", target.as_str());
        self.version(Method::PUT, url).once().await.map(drop)
    }
}
