//! Objects, without their bytes.

use crate::Lakefs;
use crate::error::{Effect, Error, Result};
use crate::model::{Listed, ObjectStats, Page, RawListed, RawPage};
use crate::url::Target;
use http::Method;
use lakeport_types::{BranchName, ObjectPath, Ref, RepositoryId};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

/// Path of a batch that could not be deleted.
#[derive(Debug)]
pub struct DeleteFailure {
    /// Key of the object.
    pub path: String,
    /// Error that a request to delete only this object would have returned.
    pub error: Error,
}

#[derive(Deserialize)]
struct Deleted {
    errors: Vec<NotDeleted>,
}

#[derive(Deserialize)]
struct NotDeleted {
    path: String,
    /// HTTP status that a request to delete only this object would have returned.
    status_code: u16,
    message: String,
}

/// Maximum number of paths in a batch deletion of lakeFS.
pub(crate) const MAX_DELETE: usize = 1000;

impl Lakefs {
    /// Maximum number of paths in a call of [`delete_many`](Self::delete_many).
    pub const MAX_DELETE: usize = MAX_DELETE;

    /// Returns an object, without its bytes.
    ///
    /// # Errors
    /// `NotFound` for the object and for the ref, `RepositoryNotFound`.
    pub async fn stat(&self, repository: &RepositoryId, reference: &Ref, path: &ObjectPath) -> Result<ObjectStats> {
        let target = Target::of_ref(repository, reference).word("objects").word("stat").query("path", path.as_str());
        self.get(target).idempotent().await?.json()
    }

    /// Returns a presigned URL of an object: `physical_address`, with its expiry.
    ///
    /// # Errors
    /// `Unsupported` if the object store has no presigned URLs; as [`stat`](Self::stat).
    pub async fn presign(&self, repository: &RepositoryId, reference: &Ref, path: &ObjectPath) -> Result<ObjectStats> {
        let target = Target::of_ref(repository, reference).word("objects").word("stat").query("path", path.as_str());
        self.get(target.flag("presign", true)).idempotent().await?.json()
    }

    /// Lists objects whose keys start with `prefix` and sort after `after`; at most `amount` (1 to 1,000) per page.
    ///
    /// If `delimiter` is not empty, keys that contain it after the prefix are grouped into common prefixes.
    ///
    /// # Errors
    /// `NotFound` for the ref, `RepositoryNotFound`.
    pub async fn list(
        &self,
        repository: &RepositoryId,
        reference: &Ref,
        prefix: &str,
        after: &str,
        delimiter: &str,
        amount: usize,
    ) -> Result<Page<Listed>> {
        let target = Target::of_ref(repository, reference).word("objects").word("ls").query_if("prefix", prefix);
        let target = target.query_if("after", after).query_if("delimiter", delimiter);
        let target = target.query("amount", &amount.to_string());
        let raw: Page<RawListed> = self.get(target).idempotent().await?.json::<RawPage<_>>()?.into();
        Ok(Page { results: raw.results.into_iter().map(Listed::from).collect(), next: raw.next })
    }

    /// Checks that a ref exists. Unlike [`get_commit`](Self::get_commit), the response is small for any commit.
    ///
    /// # Errors
    /// `NotFound` for the ref, `RepositoryNotFound`.
    pub async fn check_ref(&self, repository: &RepositoryId, reference: &Ref) -> Result<()> {
        let target = Target::of_ref(repository, reference).word("objects").word("ls");
        let target = target.query("amount", "1").query("user_metadata", "false");
        self.get(target).idempotent().await.map(drop)
    }

    /// Deletes an object. Succeeds if the object does not exist.
    ///
    /// # Errors
    /// `BranchNotFound`, `BranchProtected`, `RepositoryReadOnly`.
    pub async fn delete(&self, repository: &RepositoryId, branch: &BranchName, path: &ObjectPath) -> Result<()> {
        let target = Target::branch(repository, branch).word("objects").query("path", path.as_str());
        self.write(Method::DELETE, target).idempotent().await.map(drop)
    }

    /// Deletes at most [`MAX_DELETE`](Self::MAX_DELETE) objects, and returns those that could not be deleted.
    ///
    /// If the branch or the repository does not exist, lakeFS reports success. Check with [`branch`](Self::branch) where that
    /// matters.
    ///
    /// # Errors
    /// `Unauthenticated`, `Unavailable` and the other errors that every call can return.
    pub async fn delete_many(
        &self,
        repository: &RepositoryId,
        branch: &BranchName,
        paths: &[ObjectPath],
    ) -> Result<Vec<DeleteFailure>> {
        let target = Target::branch(repository, branch).word("objects").word("delete");
        let body = json!({ "paths": paths.iter().map(ObjectPath::as_str).collect::<Vec<_>>() });
        let deleted: Deleted = self.write(Method::POST, target).json(&body).idempotent().await?.json()?;
        let failures = deleted.errors.into_iter().map(|NotDeleted { path, status_code, message }| DeleteFailure {
            path,
            error: Error::refused_item(Effect::Write, status_code, message),
        });
        Ok(failures.collect())
    }

    /// Copies an object within a repository. lakeFS copies the bytes; the client does not transfer them.
    ///
    /// # Errors
    /// `NotFound` for the source, `BranchNotFound`, `BranchProtected`, `RepositoryReadOnly`.
    pub async fn copy(
        &self,
        repository: &RepositoryId,
        branch: &BranchName,
        path: &ObjectPath,
        source_ref: &Ref,
        source_path: &ObjectPath,
    ) -> Result<ObjectStats> {
        let target = Target::branch(repository, branch).word("objects").word("copy").query("dest_path", path.as_str());
        let body = json!({ "src_ref": source_ref.as_str(), "src_path": source_path.as_str() });
        self.write(Method::POST, target).json(&body).slow().idempotent().await?.json()
    }

    /// Replaces the user metadata of an object.
    ///
    /// # Errors
    /// `NotFound`, `BranchNotFound`, `BranchProtected`, `RepositoryReadOnly`. If the repository does not exist, lakeFS reports
    /// success.
    pub async fn set_metadata(
        &self,
        repository: &RepositoryId,
        branch: &BranchName,
        path: &ObjectPath,
        metadata: &BTreeMap<String, String>,
    ) -> Result<()> {
        let target = Target::branch(repository, branch).word("objects").word("stat").word("user_metadata");
        let target = target.query("path", path.as_str());
        self.write(Method::PUT, target).json(&json!({ "set": metadata })).idempotent().await.map(drop)
    }
}
