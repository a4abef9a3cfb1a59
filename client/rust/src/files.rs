//! Calls for objects.

pub(crate) mod batch;
pub(crate) mod batch_write;
mod compose;
pub(crate) mod list;
pub(crate) mod many;
mod ranges;
pub(crate) mod read;
mod split;
pub(crate) mod upload;
pub(crate) mod write;
mod write_bytes;

use crate::retry::{Repeat, call};
use crate::v1::{FileInfo, PresignRequest, SetMetadataRequest, StatRequest};
use crate::{Client, Error, Place, Result};
use std::collections::HashMap;

/// Returns the object of a response, or an error if the server violates the protocol and sends none.
pub(crate) fn expect_info(info: Option<FileInfo>) -> Result<FileInfo> {
    info.ok_or_else(|| Error::invalid_response("the response of the server contains no object"))
}

impl Client {
    /// Returns the size, etag, metadata and other properties of an object.
    ///
    /// # Errors
    /// `ObjectNotFound`, `RefNotFound`, `RepositoryNotFound`, `TransactionNotFound`.
    pub async fn stat(&self, place: &Place, path: &str) -> Result<FileInfo> {
        let (repository, r#ref, transaction_id) = place.fields();
        let request = StatRequest { repository, r#ref, path: path.to_owned(), transaction_id };
        expect_info(self.unary(Repeat::Idempotent, call!(self, files.stat(request))).await?.info)
    }

    /// Replaces all user metadata of an object.
    ///
    /// # Errors
    /// `ObjectNotFound`, or an error of [`Client::write`] that concerns the branch or the transaction.
    pub async fn set_metadata(&self, place: &Place, path: &str, metadata: HashMap<String, String>) -> Result<FileInfo> {
        let (repository, r#ref, transaction_id) = place.fields();
        let request = SetMetadataRequest { repository, r#ref, path: path.to_owned(), transaction_id, metadata };
        expect_info(self.unary(Repeat::Idempotent, call!(self, files.set_metadata(request))).await?.info)
    }

    /// Returns a URL that reads an object directly from its store, without credentials. The store determines when the URL expires.
    ///
    /// # Errors
    /// `Unsupported` if the store has no presigned URLs; `ObjectNotFound`.
    pub async fn presign(&self, place: &Place, path: &str) -> Result<String> {
        let (repository, r#ref, transaction_id) = place.fields();
        let request = PresignRequest { repository, r#ref, path: path.to_owned(), transaction_id };
        Ok(self.unary(Repeat::Idempotent, call!(self, files.presign(request))).await?.url)
    }
}
