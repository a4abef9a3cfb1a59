//! Lists of objects.

use crate::streams::items;
use crate::v1::{FileInfo, ListRequest};
use crate::{Client, Place, Result};
use futures_util::stream::Stream;

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// Raw bytes that paths begin with; need not end in a delimiter.
    pub prefix: String,
    /// Folds paths that have it behind the prefix into a prefix. Empty: lists all objects.
    pub delimiter: String,
    /// Only paths that match: `*` and `?` stay within `/`, `**` does not. Empty: all.
    pub match_glob: String,
    /// How many names, parted by `/`, may stand behind the prefix; 0 is no limit.
    pub max_depth: i32,
    /// Entries at most; 0 is no limit.
    pub limit: i64,
}

impl Client {
    /// Objects, and with a delimiter prefixes of them, in the order of their bytes.
    ///
    /// # Errors
    /// `RefNotFound`, `RepositoryNotFound`, `TransactionNotFound`; later ones end the stream.
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
