//! Calls for commits, logs and diffs.

use super::expect;
use crate::retry::{Repeat, call};
use crate::v1::{Commit, DiffRequest, GetCommitRequest, LogRequest, PathChange};
use crate::{Client, Place, Result};
use futures_util::stream::Stream;

impl Client {
    /// Returns the commit of a ref, or the last commit of a transaction.
    ///
    /// # Errors
    /// `RefNotFound`, `RepositoryNotFound`, `TransactionNotFound`.
    pub async fn get_commit(&self, place: &Place) -> Result<Commit> {
        let (repository, r#ref, transaction_id) = place.fields();
        let request = GetCommitRequest { repository, r#ref, transaction_id };
        expect(self.unary(Repeat::Idempotent, call!(self, versions.get_commit(request))).await?.commit)
    }

    /// Streams the commits of a ref, newest first.
    ///
    /// # Errors
    /// `RefNotFound`, `RepositoryNotFound`. Later errors end the stream.
    pub async fn log(&self, request: LogRequest) -> Result<impl Stream<Item = Result<Commit>> + Send + Unpin + use<>> {
        self.items(Repeat::Idempotent, call!(self, versions.log(request)), |message| message.commits).await
    }

    /// Streams the differences between two refs, or the uncommitted changes of a branch, sorted by path.
    ///
    /// # Errors
    /// `RefNotFound`, `RepositoryNotFound`. Later errors end the stream.
    pub async fn diff(
        &self,
        request: DiffRequest,
    ) -> Result<impl Stream<Item = Result<PathChange>> + Send + Unpin + use<>> {
        self.items(Repeat::Idempotent, call!(self, versions.diff(request)), |message| message.changes).await
    }
}
