//! Deletes, copies and moves of one object or a subtree.

use crate::streams::items;
use crate::v1::{CopyRequest, DeleteRequest, MoveRequest, PathStatus};
use crate::{Client, Error, ErrorReason, Place, Result};
use futures_util::stream::Stream;

/// An object, optionally with all objects below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subtree {
    /// Path of the object, or a prefix that ends in `/`.
    pub path: String,
    /// Also select all keys that start with `path/`, or with `path` if it already ends in `/`.
    pub recursive: bool,
}

/// Result for one path of a delete, copy or move.
#[derive(Debug)]
pub struct Outcome {
    /// If the operation succeeded, the destination; if it failed, the source or the path to delete.
    pub path: String,
    /// The error, if the operation failed for this path.
    pub error: Option<Error>,
}

/// Result of a delete.
#[derive(Debug, Default)]
#[must_use = "`failures` lists the objects that could not be deleted"]
pub struct Deleted {
    /// Number of deleted paths. With `allow_missing`, and in [`Client::delete_paths`], a path without an object counts too.
    pub count: i64,
    /// Paths that could not be deleted.
    pub failures: Vec<Outcome>,
}

impl Outcome {
    fn done(path: String) -> Self {
        Self { path, error: None }
    }

    fn failed(failure: PathStatus) -> Self {
        Self { path: failure.path, error: Some(failure.status.unwrap_or_default().into()) }
    }
}

impl Subtree {
    /// Selects one object.
    pub fn object(path: impl Into<String>) -> Self {
        Self { path: path.into(), recursive: false }
    }

    /// Selects an object and all objects below it.
    pub fn all(path: impl Into<String>) -> Self {
        Self { path: path.into(), recursive: true }
    }
}

impl Client {
    /// Deletes an object, or an object and all objects below it.
    ///
    /// # Errors
    /// `ObjectNotFound`, unless `allow_missing` is set; `RefNotABranch`, `BranchProtected`. [`Deleted::failures`] lists the objects
    /// that could not be deleted.
    pub async fn delete(&self, place: &Place, what: Subtree, allow_missing: bool) -> Result<Deleted> {
        let Subtree { path, recursive } = what;
        self.delete_request(place, DeleteRequest { path, recursive, allow_missing, ..DeleteRequest::default() }).await
    }

    /// Deletes at most 10,000 objects. A path without an object is not an error.
    ///
    /// # Errors
    /// `BatchTooLarge`, `RefNotABranch`, `BranchProtected`. [`Deleted::failures`] lists the objects that could not be deleted.
    pub async fn delete_paths(&self, place: &Place, paths: Vec<String>) -> Result<Deleted> {
        self.delete_request(place, DeleteRequest { paths, allow_missing: true, ..DeleteRequest::default() }).await
    }

    async fn delete_request(&self, place: &Place, request: DeleteRequest) -> Result<Deleted> {
        let (repository, r#ref, transaction_id) = place.fields();
        let request = DeleteRequest { repository, r#ref, transaction_id, ..request };
        let mut response = self.files().delete(request).await?.into_inner();
        let mut deleted = Deleted::default();
        loop {
            match response.message().await.map_err(Error::from) {
                Ok(Some(message)) => {
                    deleted.count = message.deleted_count;
                    deleted.failures.extend(message.failures.into_iter().map(Outcome::failed));
                }
                Ok(None) => return Ok(deleted),
                // The result lists the failures.
                Err(error) if error.reason() == Some(ErrorReason::PartialFailure) => return Ok(deleted),
                Err(error) => return Err(error),
            }
        }
    }

    /// Copies objects on the server. `from` is the ref that contains the source; `None` means that the source is in `to`. With a
    /// recursive source, `destination` replaces the source path in every key. Within one repository lakeFS copies the objects;
    /// from another repository the bytes pass through the lakeport server.
    ///
    /// # Errors
    /// `ObjectNotFound`; `InvalidField` if source and destination overlap; `InvalidArgument` if `from` is a transaction;
    /// `RefNotABranch`, `BranchProtected`. The stream contains the outcome of each object.
    pub async fn copy(
        &self,
        from: Option<&Place>,
        source: Subtree,
        to: &Place,
        destination: &str,
    ) -> Result<impl Stream<Item = Result<Outcome>> + Send + Unpin + use<>> {
        if from.is_some_and(|from| !from.transaction_id().is_empty()) {
            return Err(Error::invalid("cannot copy from another transaction: read the object and write it instead"));
        }
        let (repository, r#ref, transaction_id) = to.fields();
        let request = CopyRequest {
            repository,
            r#ref,
            path: destination.to_owned(),
            transaction_id,
            source_ref: from.map(|from| from.ref_name().to_owned()).unwrap_or_default(),
            source_path: source.path,
            recursive: source.recursive,
            source_repository: from.map(|from| from.repository().to_owned()).unwrap_or_default(),
        };
        let response = self.files().copy(request).await?;
        Ok(items(response, |message| outcomes(message.paths, message.failures)))
    }

    /// Moves objects within a branch or a transaction: copies all of them, then deletes the sources. If a copy fails, no source
    /// is deleted.
    ///
    /// # Errors
    /// The same as [`Client::copy`]. The stream contains the outcome of each object.
    pub async fn rename(
        &self,
        place: &Place,
        source: Subtree,
        destination: &str,
    ) -> Result<impl Stream<Item = Result<Outcome>> + Send + Unpin + use<>> {
        let (repository, r#ref, transaction_id) = place.fields();
        let request = MoveRequest {
            repository,
            r#ref,
            path: destination.to_owned(),
            transaction_id,
            source_path: source.path,
            recursive: source.recursive,
        };
        let response = self.files().r#move(request).await?;
        Ok(items(response, |message| outcomes(message.paths, message.failures)))
    }
}

fn outcomes(paths: Vec<String>, failures: Vec<PathStatus>) -> Vec<Outcome> {
    let failed = failures.into_iter().map(Outcome::failed);
    paths.into_iter().map(Outcome::done).chain(failed).collect()
}
