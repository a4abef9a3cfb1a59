//! `VersionService.CherryPick`.

use super::marked_commit::{marked_commit, unmarked};
use super::merging::{HeadAndCommit, destination, head, parent_refused};
use super::once::{CallId, Found, Once, REQUEST_ID, Sent, once};
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::ops::context::Ops;
use crate::ops::writing::Writing;
use lakeport_lakefs::{self as lakefs, Commit};
use lakeport_types::{BranchName, RESERVED_METADATA_PREFIX, Ref, RepositoryId};
use std::collections::BTreeMap;

/// Metadata that lakeFS sets on the copy.
const SET_BY_LAKEFS: [&str; 2] = ["cherry-pick-origin", "cherry-pick-committer"];

/// Parameters of a cherry-pick.
#[derive(Debug, Clone)]
pub struct Pick {
    /// Repository.
    pub repository: RepositoryId,
    /// The branch to change.
    pub branch: BranchName,
    /// The commit whose changes are applied.
    pub commit: Ref,
    /// For a merge: the parent to compare with; 1 is the first.
    pub parent: Option<u32>,
}

/// Applies the changes of a commit to another branch. The new commit has the message and metadata of the original, without the keys of
/// lakeport: they describe how the original was made.
///
/// # Errors
/// `MergeConflict`, `BaseDirty`, `RefNotFound`, `RequestInProgress`, `OutcomeUnknown`.
pub async fn cherry_pick(ops: &Ops, caller: &Caller, id: &CallId, pick: &Pick) -> Result<Commit> {
    let writing = destination(&pick.repository, &pick.branch)?;
    once(ops, caller, id, &Call { ops, caller, pick, writing, is_marked: id.key.is_some() }).await
}

struct Call<'c> {
    ops: &'c Ops,
    caller: &'c Caller,
    pick: &'c Pick,
    writing: Writing,
    /// Whether the commit carries the mark of the call.
    is_marked: bool,
}

impl Once for Call<'_> {
    type Before = HeadAndCommit;
    type Output = Commit;
    const IS_CONCLUSIVE: bool = true;

    async fn before(&self) -> Result<HeadAndCommit> {
        let head = head(self.ops, self.caller, &self.writing).await?;
        match self.caller.lakefs.get_commit(&self.pick.repository, &self.pick.commit).await {
            Ok(original) => Ok(HeadAndCommit { head, commit: original.id }),
            Err(error) => Err(self.explain(error).await),
        }
    }

    async fn send(&self, before: &HeadAndCommit, mark: &str) -> Result<Sent<Commit>> {
        let Pick { repository, branch, parent, .. } = self.pick;
        let commit = &before.commit()?;
        let original = match self.caller.lakefs.get_commit(repository, commit).await {
            Ok(original) => original,
            // Nothing was changed yet.
            Err(error) => return Ok(Sent::Refused(error)),
        };
        let own = |key: &str| key.starts_with(RESERVED_METADATA_PREFIX) || SET_BY_LAKEFS.contains(&key);
        let mut metadata: BTreeMap<String, String> =
            original.metadata.into_iter().filter(|(key, _)| !own(key)).collect();
        if self.is_marked {
            metadata.insert(REQUEST_ID.into(), mark.to_owned());
        }
        let picked = self.caller.lakefs.cherry_pick(repository, branch, commit, *parent, &original.message, &metadata);
        Ok(picked.await.into())
    }

    async fn find(&self, before: &HeadAndCommit, mark: &str) -> Result<Found<Commit>> {
        let Pick { repository, branch, .. } = self.pick;
        if !self.is_marked {
            return unmarked(self.caller, (repository, branch), &before.head).await;
        }
        Ok(marked_commit(self.caller, (repository, branch), &before.head, mark).await?.into())
    }

    async fn explain(&self, error: lakefs::Error) -> Error {
        let against = (&self.pick.commit, self.pick.parent);
        parent_refused(self.ops, self.caller, &self.writing, against, error).await
    }
}
