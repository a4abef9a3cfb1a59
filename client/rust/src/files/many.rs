//! Deletes, copies and moves of one object or a subtree.

use crate::retry::{Repeat, Retries, call};
use crate::v1::{CopyRequest, DeleteRequest, MoveRequest, PathStatus};
use crate::{Client, Error, PathFailure, Place, Result};
use futures_util::stream::Stream;

/// An object, optionally with all objects below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subtree {
    /// Path of the object, or a prefix that ends in `/`.
    pub path: String,
    /// Also select all keys that start with `path/`, or with `path` if it already ends in `/`.
    pub recursive: bool,
}

/// Result for one path of a copy or move.
#[derive(Debug)]
pub struct Outcome {
    /// If the operation succeeded, the destination; if it failed, the source.
    pub path: String,
    /// The error, if the operation failed for this path.
    pub error: Option<Error>,
}

impl Outcome {
    fn done(path: String) -> Self {
        Self { path, error: None }
    }

    fn failed(failure: PathStatus) -> Self {
        let PathFailure { path, error } = failure.into();
        Self { path, error: Some(error) }
    }
}

impl From<PathStatus> for PathFailure {
    fn from(failure: PathStatus) -> Self {
        Self { path: failure.path, error: failure.status.unwrap_or_default().into() }
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
    /// Deletes an object, or an object and all objects below it. Returns the number of deleted objects; with `allow_missing`, a
    /// missing object counts too. With `allow_missing`, the call is repeated after a lost connection; the number does
    /// not include the objects below the path that an earlier attempt deleted.
    ///
    /// # Errors
    /// `ObjectNotFound`, unless `allow_missing` is set; `RefNotABranch`, `BranchProtected`; `PartialFailure` if some objects could
    /// not be deleted: see [`Error::failures`].
    pub async fn delete(&self, place: &Place, what: Subtree, allow_missing: bool) -> Result<i64> {
        let Subtree { path, recursive } = what;
        self.delete_request(place, DeleteRequest { path, recursive, allow_missing, ..DeleteRequest::default() }).await
    }

    /// Deletes at most 10,000 objects, and returns their number. With `allow_missing`, a path without an object counts too.
    ///
    /// # Errors
    /// `BatchTooLarge`, `RefNotABranch`, `BranchProtected`; `PartialFailure` if some objects could not be deleted, or do not exist
    /// and `allow_missing` is not set: see [`Error::failures`].
    pub async fn delete_paths(&self, place: &Place, paths: Vec<String>, allow_missing: bool) -> Result<i64> {
        self.delete_request(place, DeleteRequest { paths, allow_missing, ..DeleteRequest::default() }).await
    }

    async fn delete_request(&self, place: &Place, request: DeleteRequest) -> Result<i64> {
        let (repository, r#ref, transaction_id) = place.fields();
        // If the first attempt deleted objects, the second one finds them missing.
        let repeat = if request.allow_missing { Repeat::Idempotent } else { Repeat::IfRejected };
        let request = DeleteRequest { repository, r#ref, transaction_id, ..request };
        let mut retries = Retries::new(self, repeat);
        loop {
            match self.delete_once(request.clone(), &mut retries).await {
                Err(error) => retries.wait(error).await?,
                done => return done,
            }
        }
    }

    async fn delete_once(&self, request: DeleteRequest, retries: &mut Retries) -> Result<i64> {
        let mut response = retries.step(self.files().delete(request)).await?.into_inner();
        let (mut count, mut failures) = (0, Vec::new());
        loop {
            match retries.step(response.message()).await {
                Ok(Some(message)) => {
                    count = message.deleted_count;
                    failures.extend(message.failures.into_iter().map(PathFailure::from));
                }
                Ok(None) => return Ok(count),
                Err(error) => return Err(error.with_failures(failures)),
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
        let call = call!(self, files.copy(request));
        self.items(Repeat::Idempotent, call, |message| outcomes(message.paths, message.failures)).await
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
        let call = call!(self, files.r#move(request));
        self.items(Repeat::IfRejected, call, |message| outcomes(message.paths, message.failures)).await
    }
}

fn outcomes(paths: Vec<String>, failures: Vec<PathStatus>) -> Vec<Outcome> {
    let failed = failures.into_iter().map(Outcome::failed);
    paths.into_iter().map(Outcome::done).chain(failed).collect()
}
