//! `VersionService.ListTags`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Ops;
use crate::ops::versions::refusals::tag_refused;
use lakeport_lakefs::{Page, Tag};
use lakeport_types::RepositoryId;

/// Lists tags by name.
///
/// # Errors
/// `RepositoryNotFound`.
pub async fn list_tags(
    _ops: &Ops,
    caller: &Caller,
    repository: &RepositoryId,
    prefix: &str,
    after: &str,
    amount: usize,
) -> Result<Page<Tag>> {
    match caller.lakefs.tags(repository, prefix, after, amount).await {
        Ok(page) => Ok(page),
        Err(error) => Err(tag_refused(caller, repository, prefix, error).await),
    }
}
