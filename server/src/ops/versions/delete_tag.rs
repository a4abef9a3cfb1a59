//! `VersionService.DeleteTag`.

use super::once::{CallId, Once, Sent, once};
use super::refusals::tag_refused;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::ops::context::Ops;
use lakeport_lakefs as lakefs;
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
    /// Whether the tag existed.
    type Before = bool;
    type Output = ();

    async fn before(&self) -> Result<bool> {
        Ok(self.caller.lakefs.tag(self.repository, self.tag).await.is_ok())
    }

    async fn send(&self, _mark: &str) -> Result<Sent<()>> {
        Ok(self.caller.lakefs.delete_tag(self.repository, self.tag).await.into())
    }

    async fn find(&self, existed: &bool, _mark: &str) -> Result<Option<()>> {
        match self.caller.lakefs.tag(self.repository, self.tag).await {
            Ok(_) => Ok(None),
            Err(error) if error.kind() == lakefs::Kind::TagNotFound => Ok(existed.then_some(())),
            Err(error) => Err(self.explain(error).await),
        }
    }

    async fn explain(&self, error: lakefs::Error) -> Error {
        tag_refused(self.caller, self.repository, self.tag.as_str(), error).await
    }
}
