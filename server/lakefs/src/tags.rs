//! Tags.

use crate::Lakefs;
use crate::error::Result;
use crate::model::{Page, RawPage, Tag};
use crate::url::Target;
use http::Method;
use lakeport_types::{Ref, RepositoryId, TagName};
use serde_json::json;

impl Lakefs {
    /// A tag.
    ///
    /// # Errors
    /// `RepositoryNotFound`, `TagNotFound`.
    pub async fn tag(&self, repository: &RepositoryId, tag: &TagName) -> Result<Tag> {
        let target = Target::repository(repository).word("tags").name(tag.as_str());
        self.get(target).idempotent().await?.json()
    }

    /// Tags whose name begins with `prefix`, from behind `after`, at most `amount` (1 to 1,000).
    ///
    /// # Errors
    /// `RepositoryNotFound`.
    pub async fn tags(&self, repository: &RepositoryId, prefix: &str, after: &str, amount: usize) -> Result<Page<Tag>> {
        let target = Target::repository(repository).word("tags").query_if("prefix", prefix);
        let target = target.query_if("after", after).query("amount", &amount.to_string());
        Ok(self.get(target).idempotent().await?.json::<RawPage<_>>()?.into())
    }

    /// Names a commit for ever.
    ///
    /// # Errors
    /// `AlreadyExists`, `NotFound` for the target, `RepositoryNotFound`, `RepositoryReadOnly`.
    pub async fn create_tag(&self, repository: &RepositoryId, tag: &TagName, target: &Ref) -> Result<Tag> {
        let url = Target::repository(repository).word("tags");
        let body = json!({ "id": tag.as_str(), "ref": target.as_str() });
        self.version(Method::POST, url).json(&body).once().await?.json()
    }

    /// Takes a tag away.
    ///
    /// # Errors
    /// `TagNotFound`, `RepositoryReadOnly`.
    pub async fn delete_tag(&self, repository: &RepositoryId, tag: &TagName) -> Result<()> {
        let target = Target::repository(repository).word("tags").name(tag.as_str());
        self.version(Method::DELETE, target).once().await.map(drop)
    }
}
