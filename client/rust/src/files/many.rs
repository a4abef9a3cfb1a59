//! Deletes, copies and moves: of an object, or of all below one.

use crate::streams::items;
use crate::v1::{CopyRequest, DeleteRequest, MoveRequest, PathStatus};
use crate::{Client, Error, Place, Result};
use futures_util::stream::Stream;

/// An object, or an object with all below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subtree {
    /// The object.
    pub path: String,
    /// All keys that begin with `path/` too, or with `path` where that ends in `/`.
    pub recursive: bool,
}

/// What became of one path.
#[derive(Debug)]
pub struct Outcome {
    /// The destination where it was done, the source where it failed.
    pub path: String,
    /// Why it failed.
    pub error: Option<Error>,
}

/// What a delete did.
#[derive(Debug, Default)]
pub struct Deleted {
    /// How many objects are gone.
    pub count: i64,
    /// What could not be deleted.
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
    /// One object.
    pub fn object(path: impl Into<String>) -> Self {
        Self { path: path.into(), recursive: false }
    }

    /// An object and all below it.
    pub fn all(path: impl Into<String>) -> Self {
        Self { path: path.into(), recursive: true }
    }
}

impl Client {
    /// Deletes an object, or all below one.
    ///
    /// # Errors
    /// `ObjectNotFound`, unless `allow_missing`; those of a write. Objects that could not be deleted are in the answer.
    pub async fn delete(&self, place: &Place, what: Subtree, allow_missing: bool) -> Result<Deleted> {
        let Subtree { path, recursive } = what;
        self.delete_request(place, DeleteRequest { path, recursive, allow_missing, ..DeleteRequest::default() }).await
    }

    /// Deletes at most 10,000 objects. Those that are not there are as good as deleted.
    ///
    /// # Errors
    /// `BatchTooLarge`; those of a write. Objects that could not be deleted are in the answer.
    pub async fn delete_paths(&self, place: &Place, paths: Vec<String>) -> Result<Deleted> {
        self.delete_request(place, DeleteRequest { paths, allow_missing: true, ..DeleteRequest::default() }).await
    }

    async fn delete_request(&self, place: &Place, request: DeleteRequest) -> Result<Deleted> {
        let (repository, r#ref, transaction_id) = place.fields();
        let request = DeleteRequest { repository, r#ref, transaction_id, ..request };
        let mut answer = self.files().delete(request).await?.into_inner();
        let mut deleted = Deleted::default();
        while let Some(message) = answer.message().await? {
            deleted.count = message.deleted_count;
            deleted.failures.extend(message.failures.into_iter().map(Outcome::failed));
        }
        Ok(deleted)
    }

    /// Copies on the server. `from` is the version of a repository that the source is in; `None` where it is in `to`. With a
    /// recursive source, `destination` takes the place of its path in every key. Within a repository lakeFS copies; from another
    /// one the bytes pass through the server.
    ///
    /// # Errors
    /// `ObjectNotFound`; `InvalidField` where source and destination overlap; `InvalidArgument` where the source is in another
    /// transaction; those of a write. What became of each object is in the stream.
    pub async fn copy(
        &self,
        from: Option<&Place>,
        source: Subtree,
        to: &Place,
        destination: &str,
    ) -> Result<impl Stream<Item = Result<Outcome>> + Send + Unpin + use<>> {
        if from.is_some_and(|from| !from.transaction_id().is_empty()) {
            return Err(Error::invalid("a copy cannot read from another transaction: read, and write"));
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
        let answer = self.files().copy(request).await?;
        Ok(items(answer, |message| outcomes(message.paths, message.failures)))
    }

    /// Moves within a branch or a transaction: copies, then deletes the sources once all copies stand.
    ///
    /// # Errors
    /// Those of a copy. What became of each object is in the stream.
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
        let answer = self.files().r#move(request).await?;
        Ok(items(answer, |message| outcomes(message.paths, message.failures)))
    }
}

fn outcomes(paths: Vec<String>, failures: Vec<PathStatus>) -> Vec<Outcome> {
    let failed = failures.into_iter().map(Outcome::failed);
    paths.into_iter().map(Outcome::done).chain(failed).collect()
}
