//! `VersionService.CreateTag`.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::Ops;
use crate::ops::errors::no_ref;
use crate::ops::versions::refusals::tag_refused;
use lakeport_lakefs::{self as lakefs, Tag};
use lakeport_types::{Ref, RepositoryId, TagName};

/// Names a commit for ever.
///
/// # Errors
/// `TagExists`, `RefNotFound`, `RepositoryNotFound`.
pub async fn create_tag(
    _ops: &Ops,
    caller: &Caller,
    repository: &RepositoryId,
    tag: &TagName,
    target: &Ref,
) -> Result<Tag> {
    if tag.as_str().starts_with(lakeport_types::TRANSACTION_BRANCH_PREFIX) {
        let message = format!("tag {tag} begins as the branches of transactions do: choose another");
        return Err(Error::new(Kind::ReservedName, message));
    }
    match caller.lakefs.create_tag(repository, tag, target).await {
        Ok(made) => Ok(made),
        Err(error) if error.kind() == lakefs::Kind::NotFound => Err(no_ref(repository, target.as_str())),
        Err(error) => Err(tag_refused(caller, repository, tag.as_str(), error).await),
    }
}
