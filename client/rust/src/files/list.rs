//! Listings of objects.

use crate::streams::items;
use crate::v1::{FileInfo, ListRequest};
use crate::{Client, Place, Result};
use futures_util::stream::Stream;

/// Filters and limits of a listing.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// List only paths that start with this text. It need not end in a delimiter.
    pub prefix: String,
    /// Group all paths that contain this delimiter after `prefix` into prefix entries. Empty: list all objects.
    pub delimiter: String,
    /// List only paths that match this glob: `*` and `?` do not match `/`, `**` does. Empty: no filter.
    pub match_glob: String,
    /// Maximum number of path segments, separated by `/`, after `prefix`. 0: no limit.
    pub max_depth: i32,
    /// Maximum number of entries. 0: no limit.
    pub limit: i64,
}

impl Client {
    /// Streams objects in the byte order of their paths. With a delimiter, also streams prefixes.
    ///
    /// # Errors
    /// `RefNotFound`, `RepositoryNotFound`, `TransactionNotFound`. Later errors end the stream.
    pub async fn list(
        &self,
        place: &Place,
        options: ListOptions,
    ) -> Result<impl Stream<Item = Result<FileInfo>> + Send + Unpin + use<>> {
        let (repository, r#ref, transaction_id) = place.fields();
        let ListOptions { prefix, delimiter, match_glob, max_depth, limit } = options;
        let request = ListRequest {
            repository,
            r#ref,
            prefix,
            transaction_id,
            delimiter,
            match_glob,
            max_depth,
            limit,
            page_token: String::new(),
        };
        Ok(items(self.files().list(request).await?, |page| page.entries))
    }
}
