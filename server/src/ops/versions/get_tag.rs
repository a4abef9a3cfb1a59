//! `VersionService.GetTag`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Ops;
use crate::ops::versions::refusals::tag_refused;
use lakeport_lakefs::Tag;
use lakeport_types::{RepositoryId, TagName};

/// Returns a tag.
///
/// # Errors
/// `RefNotFound`, `RepositoryNotFound`.
pub async fn get_tag(_ops: &Ops, caller: &Caller, repository: &RepositoryId, tag: &TagName) -> Result<Tag> {
    match caller.lakefs.tag(repository, tag).await {
        Ok(found) => Ok(found),
        Err(error) => Err(tag_refused(caller, repository, tag.as_str(), error).await),
    }
}
