//! `VersionService.DeleteTag`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Ops;
use crate::ops::versions::refusals::tag_refused;
use lakeport_types::{RepositoryId, TagName};

/// Takes a tag away.
///
/// # Errors
/// `RefNotFound`, `RepositoryNotFound`.
pub async fn delete_tag(_ops: &Ops, caller: &Caller, repository: &RepositoryId, tag: &TagName) -> Result<()> {
    match caller.lakefs.delete_tag(repository, tag).await {
        Ok(()) => Ok(()),
        Err(error) => Err(tag_refused(caller, repository, tag.as_str(), error).await),
    }
}
