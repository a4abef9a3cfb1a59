//! What was committed, and what differs.

use super::expect;
use crate::streams::items;
use crate::v1::{Commit, DiffEntry, DiffRequest, GetCommitRequest, LogRequest};
use crate::{Client, Place, Result};
use futures_util::stream::Stream;

impl Client {
    /// The commit that a ref names, or the last one of a transaction.
    ///
    /// # Errors
    /// `RefNotFound`, `RepositoryNotFound`, `TransactionNotFound`.
    pub async fn get_commit(&self, place: &Place) -> Result<Commit> {
        let (repository, r#ref, transaction_id) = place.fields();
        let request = GetCommitRequest { repository, r#ref, transaction_id };
        expect(self.versions().get_commit(request).await?.into_inner().commit)
    }

    /// The history of a ref, newest first.
    ///
    /// # Errors
    /// `RefNotFound`, `RepositoryNotFound`; later ones end the stream.
    pub async fn log(&self, request: LogRequest) -> Result<impl Stream<Item = Result<Commit>> + Send + Unpin + use<>> {
        Ok(items(self.versions().log(request).await?, |message| message.commits))
    }

    /// What differs between two refs, or what is uncommitted on a branch, in the order of paths.
    ///
    /// # Errors
    /// `RefNotFound`, `RepositoryNotFound`; later ones end the stream.
    pub async fn diff(
        &self,
        request: DiffRequest,
    ) -> Result<impl Stream<Item = Result<DiffEntry>> + Send + Unpin + use<>> {
        Ok(items(self.versions().diff(request).await?, |message| message.entries))
    }
}
