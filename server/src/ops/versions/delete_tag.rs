//! `VersionService.DeleteTag`.

use super::once::{CallId, Found, Once, Sent, once};
use super::refusals::{existing, tag_refused};
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::ops::context::Ops;
use lakeport_lakefs::{self as lakefs, Tag};
use lakeport_types::{RepositoryId, TagName};

/// Deletes a tag.
///
/// # Errors
/// `RefNotFound`, `RepositoryNotFound`, `RequestInProgress`, `OutcomeUnknown`.
pub async fn delete_tag(
    ops: &Ops,
    caller: &Caller,
    id: &CallId,
    repository: &RepositoryId,
    tag: &TagName,
) -> Result<()> {
    once(ops, caller, id, &Call { caller, repository, tag }).await
}

struct Call<'c> {
    caller: &'c Caller,
    repository: &'c RepositoryId,
    tag: &'c TagName,
}

impl Once for Call<'_> {
    type Before = Option<Tag>;
    type Output = ();
    /// A late deletion could delete a new tag of the same name.
    const IS_CONCLUSIVE: bool = false;

    async fn before(&self) -> Result<Option<Tag>> {
        match existing(self.caller.lakefs.tag(self.repository, self.tag).await, lakefs::Kind::TagNotFound) {
            Ok(tag) => Ok(tag),
            Err(error) => Err(self.explain(error).await),
        }
    }

    async fn send(&self, _before: &Option<Tag>, _mark: &str) -> Result<Sent<()>> {
        Ok(self.caller.lakefs.delete_tag(self.repository, self.tag).await.into())
    }

    async fn find(&self, before: &Option<Tag>, _mark: &str) -> Result<Found<()>> {
        let now = self.before().await?;
        Ok(match (before, now) {
            (Some(_), None) => Found::Done(()),
            // A tag cannot move: this is another one.
            (Some(before), Some(now)) if now != *before => Found::Done(()),
            _ => Found::NotDone,
        })
    }

    async fn explain(&self, error: lakefs::Error) -> Error {
        tag_refused(self.caller, self.repository, self.tag.as_str(), error).await
    }
}
