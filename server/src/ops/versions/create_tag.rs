//! `VersionService.CreateTag`.

use super::merging::resolved;
use super::once::{CallId, Found, Once, Sent, once};
use super::refusals::{existing, tag_refused};
use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::Ops;
use crate::ops::errors::no_ref;
use lakeport_lakefs::{self as lakefs, Tag};
use lakeport_types::{Ref, RepositoryId, TagName};
use serde::{Deserialize, Serialize};

/// Parameters of a new tag.
#[derive(Debug, Clone)]
pub struct NewTag {
    /// Repository.
    pub repository: RepositoryId,
    /// Name.
    pub name: TagName,
    /// The ref whose commit is tagged.
    pub target: Ref,
}

/// Creates a tag.
///
/// # Errors
/// `TagExists`, `RefNotFound`, `RepositoryNotFound`, `ReservedName`, `RequestInProgress`, `OutcomeUnknown`.
pub async fn create_tag(ops: &Ops, caller: &Caller, id: &CallId, new: &NewTag) -> Result<Tag> {
    if new.name.as_str().starts_with(lakeport_types::TRANSACTION_BRANCH_PREFIX) {
        let message = format!("tag {}: names that start with lakeport-tx- are reserved for transactions", new.name);
        return Err(Error::new(Kind::ReservedName, message));
    }
    once(ops, caller, id, &Call { caller, new }).await
}

struct Call<'c> {
    caller: &'c Caller,
    new: &'c NewTag,
}

/// The state before the first attempt.
#[derive(Serialize, Deserialize)]
struct Before {
    /// The commit of the target.
    commit: String,
    /// Whether a tag with this name existed.
    existed: bool,
}

impl Once for Call<'_> {
    type Before = Before;
    type Output = Tag;
    /// lakeFS refuses to create a tag that exists.
    const IS_CONCLUSIVE: bool = true;
    const IS_REPEATABLE: bool = true;

    async fn before(&self) -> Result<Before> {
        let NewTag { repository, name, target } = self.new;
        let commit = match self.caller.lakefs.get_commit(repository, target).await {
            Ok(commit) => commit.id,
            Err(error) if error.kind() == lakefs::Kind::CommitNotFound => {
                return Err(no_ref(repository, target.as_str()));
            }
            Err(error) => return Err(self.explain(error).await),
        };
        match existing(self.caller.lakefs.tag(repository, name).await, lakefs::Kind::TagNotFound) {
            Ok(tag) => Ok(Before { commit, existed: tag.is_some() }),
            Err(error) => Err(self.explain(error).await),
        }
    }

    async fn send(&self, before: &Before, _mark: &str) -> Result<Sent<Tag>> {
        let NewTag { repository, name, .. } = self.new;
        Ok(self.caller.lakefs.create_tag(repository, name, &resolved(&before.commit)?).await.into())
    }

    async fn find(&self, before: &Before, _mark: &str) -> Result<Found<Tag>> {
        let found = self.caller.lakefs.tag(&self.new.repository, &self.new.name).await;
        match existing(found, lakefs::Kind::TagNotFound) {
            Ok(Some(tag)) if !before.existed && tag.commit_id == before.commit => Ok(Found::Done(tag)),
            // A retry gets a definite response of lakeFS.
            Ok(_) => Ok(Found::NotDone),
            Err(error) => Err(self.explain(error).await),
        }
    }

    async fn explain(&self, error: lakefs::Error) -> Error {
        match error.kind() {
            lakefs::Kind::NotFound => no_ref(&self.new.repository, self.new.target.as_str()),
            _ => tag_refused(self.caller, &self.new.repository, self.new.name.as_str(), error).await,
        }
    }
}
