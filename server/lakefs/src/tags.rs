//! Tags.

use crate::Lakefs;
use crate::error::Result;
use crate::model::{Page, RawPage, Tag};
use crate::url::Target;
use http::Method;
use lakeport_types::{Ref, RepositoryId, TagName};
use serde_json::json;

impl Lakefs {
    /// Returns a tag.
    ///
    /// # Errors
    /// `RepositoryNotFound`, `TagNotFound`.
    pub async fn tag(&self, repository: &RepositoryId, tag: &TagName) -> Result<Tag> {
        let target = Target::repository(repository).word("tags").name(tag.as_str());
        self.get(target).idempotent().await?.json()
    }

    /// Lists tags whose names start with `prefix` and sort after `after`; at most `amount` (1 to 1,000) per page.
    ///
    /// # Errors
    /// `RepositoryNotFound`.
    pub async fn tags(&self, repository: &RepositoryId, prefix: &str, after: &str, amount: usize) -> Result<Page<Tag>> {
        let target = Target::repository(repository).word("tags").query_if("prefix", prefix);
        let target = target.query_if("after", after).query("amount", &amount.to_string());
        Ok(self.get(target).idempotent().await?.json::<RawPage<_>>()?.into())
    }

    /// Creates a tag for the commit of a ref. A tag never moves to another commit.
    ///
    /// # Errors
    /// `AlreadyExists`, `NotFound` for the target, `RepositoryNotFound`, `RepositoryReadOnly`.
    pub async fn create_tag(&self, repository: &RepositoryId, tag: &TagName, target: &Ref) -> Result<Tag> {
        let url = Target::repository(repository).word("tags");
        let body = json!({ "id": tag.as_str(), "ref": target.as_str() });
        self.version(Method::POST, url).json(&body).once().await?.json()
    }

    /// Deletes a tag.
    ///
    /// # Errors
    /// `TagNotFound`, `RepositoryReadOnly`.
    pub async fn delete_tag(&self, repository: &RepositoryId, tag: &TagName) -> Result<()> {
        let target = Target::repository(repository).word("tags").name(tag.as_str());
        self.version(Method::DELETE, target).once().await.map(drop)
    }
}
