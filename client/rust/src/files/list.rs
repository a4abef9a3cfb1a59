//! Listings of objects.

use crate::retry::{Repeat, Retries};
use crate::v1::{FileInfo, ListRequest, ListResponse};
use crate::{Client, Error, Place, Result};
use futures_util::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use tonic::Streaming;

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
    /// Streams objects in the byte order of their paths. With a delimiter, also streams prefixes. After a lost connection, the
    /// listing continues after the last entry.
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
        let mut listing = Listing { client: self.clone(), request, pages: None, is_complete: false };
        let first = listing.page().await?;
        let rest = stream::try_unfold(listing, |mut listing| async {
            Ok::<_, Error>(listing.page().await?.map(|page| (page, listing)))
        });
        let pages = stream::iter(first.map(Ok)).chain(rest);
        Ok(pages.map_ok(|entries| stream::iter(entries.into_iter().map(Ok))).try_flatten().boxed())
    }
}

/// A listing that continues after a lost connection.
struct Listing {
    client: Client,
    /// Requests the rest of the listing.
    request: ListRequest,
    /// The current response; `None` before the first one, and after a lost connection.
    pages: Option<Streaming<ListResponse>>,
    is_complete: bool,
}

impl Listing {
    /// Returns the entries of the next page, or `None` after the last one.
    async fn page(&mut self) -> Result<Option<Vec<FileInfo>>> {
        let client = self.client.clone();
        let mut retries = Retries::new(&client, Repeat::Idempotent);
        while !self.is_complete {
            match retries.step(self.next_page()).await {
                Ok(page) => return Ok(page),
                Err(error) => retries.wait(error).await?,
            }
            self.pages = None;
        }
        Ok(None)
    }

    async fn next_page(&mut self) -> Result<Option<Vec<FileInfo>>> {
        let pages = match &mut self.pages {
            Some(pages) => pages,
            none => none.insert(self.client.files().list(self.request.clone()).await?.into_inner()),
        };
        let page = pages.message().await?;
        let Some(ListResponse { entries, next_page_token, .. }) = page else {
            self.is_complete = true;
            return Ok(None);
        };
        // After the last page, the rest of the response no longer matters.
        self.is_complete = next_page_token.is_empty();
        self.request.page_token = next_page_token;
        Ok(Some(entries))
    }
}
