//! Objects.

pub(crate) mod list;
pub(crate) mod many;
pub(crate) mod read;
pub(crate) mod write;

use crate::v1::{FileInfo, PresignRequest, SetMetadataRequest, StatRequest};
use crate::{Client, Error, Place, Result};
use std::collections::HashMap;

/// The object of an answer, which a server that keeps the contract always sends.
pub(crate) fn expect_info(info: Option<FileInfo>) -> Result<FileInfo> {
    info.ok_or_else(|| Error::nonsense("the server answered without saying what the object is"))
}

impl Client {
    /// What an object is.
    ///
    /// # Errors
    /// `ObjectNotFound`, `RefNotFound`, `RepositoryNotFound`, `TransactionNotFound`.
    pub async fn stat(&self, place: &Place, path: &str) -> Result<FileInfo> {
        let (repository, r#ref, transaction_id) = place.fields();
        let request = StatRequest { repository, r#ref, path: path.to_owned(), transaction_id };
        expect_info(self.files().stat(request).await?.into_inner().info)
    }

    /// Replaces the user metadata of an object.
    ///
    /// # Errors
    /// `ObjectNotFound`, and those of a write.
    pub async fn set_metadata(&self, place: &Place, path: &str, metadata: HashMap<String, String>) -> Result<FileInfo> {
        let (repository, r#ref, transaction_id) = place.fields();
        let request = SetMetadataRequest { repository, r#ref, path: path.to_owned(), transaction_id, metadata };
        expect_info(self.files().set_metadata(request).await?.into_inner().info)
    }

    /// A URL to read an object from directly, without credentials, for as long as the store lets it.
    ///
    /// # Errors
    /// `Unsupported` where the store has none; `ObjectNotFound`.
    pub async fn presign(&self, place: &Place, path: &str) -> Result<String> {
        let (repository, r#ref, transaction_id) = place.fields();
        let request = PresignRequest { repository, r#ref, path: path.to_owned(), transaction_id };
        Ok(self.files().presign(request).await?.into_inner().url)
    }
}
