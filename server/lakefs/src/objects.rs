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

/// A path of a batch that was not deleted, and why.
#[derive(Debug)]
pub struct DeleteFailure {
    /// The key.
    pub path: String,
    /// What it alone would have been refused with.
    pub error: Error,
}

#[derive(Deserialize)]
struct Deleted {
    errors: Vec<NotDeleted>,
}

#[derive(Deserialize)]
struct NotDeleted {
    path: String,
    /// The HTTP status that it alone would have got.
    status_code: u16,
    message: String,
}

/// What lakeFS deletes at once.
pub(crate) const MAX_DELETE: usize = 1000;

impl Lakefs {
    /// The most paths that [`delete_many`](Self::delete_many) takes.
    pub const MAX_DELETE: usize = MAX_DELETE;

    /// An object.
    ///
    /// # Errors
    /// `NotFound` for the object and for the ref alike, `RepositoryNotFound`.
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

    /// Objects whose key begins with `prefix`, from behind `after`, at most `amount` (1 to 1,000). With a delimiter, keys that
    /// have it behind the prefix are folded.
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

    /// Deletes an object, which need not be there.
    ///
    /// # Errors
    /// `BranchNotFound`, `BranchProtected`, `RepositoryReadOnly`.
    pub async fn delete(&self, repository: &RepositoryId, branch: &BranchName, path: &ObjectPath) -> Result<()> {
        let target = Target::branch(repository, branch).word("objects").query("path", path.as_str());
        self.write(Method::DELETE, target).idempotent().await.map(drop)
    }

    /// Deletes at most [`MAX_DELETE`](Self::MAX_DELETE) objects, and says which it could not. lakeFS answers nothing at all for
    /// a branch or repository that is not there: ask for the branch where that matters.
    ///
    /// # Errors
    /// As every call.
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

    /// Copies an object within a repository, on the server.
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
    /// `NotFound`, `BranchNotFound`, `BranchProtected`, `RepositoryReadOnly`. A repository that is not there is not noticed:
    /// lakeFS answers as if all were well.
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
