//! Calls for tags.

use super::expect;
use crate::request_id::random_id;
use crate::retry::{Repeat, call};
use crate::streams::paged;
use crate::v1::{CreateTagRequest, DeleteTagRequest, GetTagRequest, ListTagsRequest, Tag};
use crate::{Client, Result};
use futures_util::stream::Stream;

impl Client {
    /// Streams tags with this name prefix, sorted by name.
    pub fn tags(&self, repository: &str, prefix: &str) -> impl Stream<Item = Result<Tag>> + Send + use<> {
        let (client, repository, prefix) = (self.clone(), repository.to_owned(), prefix.to_owned());
        paged(move |page_token| {
            let (repository, prefix) = (repository.clone(), prefix.clone());
            let request = ListTagsRequest { repository, prefix, page_size: 0, page_token };
            let client = client.clone();
            async move {
                let page = client.unary(Repeat::Idempotent, call!(&client, versions.list_tags(request))).await?;
                Ok((page.tags, page.next_page_token))
            }
        })
    }

    /// Returns a tag.
    ///
    /// # Errors
    /// `RefNotFound`, `RepositoryNotFound`.
    pub async fn tag(&self, repository: &str, tag: &str) -> Result<Tag> {
        let request = GetTagRequest { repository: repository.to_owned(), tag: tag.to_owned() };
        expect(self.unary(Repeat::Idempotent, call!(self, versions.get_tag(request))).await?.tag)
    }

    /// Creates a tag at the commit of a ref. A tag cannot be moved.
    ///
    /// # Errors
    /// `TagExists`, `RefNotFound`, `RepositoryNotFound`.
    pub async fn create_tag(&self, repository: &str, tag: &str, reference: &str) -> Result<Tag> {
        let (repository, tag, request_id) = (repository.to_owned(), tag.to_owned(), random_id());
        let request = CreateTagRequest { repository, r#ref: reference.to_owned(), tag, request_id };
        expect(self.unary(Repeat::Idempotent, call!(self, versions.create_tag(request))).await?.tag)
    }

    /// Deletes a tag.
    ///
    /// # Errors
    /// `RefNotFound`, `RepositoryNotFound`.
    pub async fn delete_tag(&self, repository: &str, tag: &str) -> Result<()> {
        let (repository, tag, request_id) = (repository.to_owned(), tag.to_owned(), random_id());
        let request = DeleteTagRequest { repository, tag, request_id };
        self.unary(Repeat::Idempotent, call!(self, versions.delete_tag(request))).await.map(drop)
    }
}
