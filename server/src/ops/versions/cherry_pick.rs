//! `VersionService.CherryPick`.

use super::marked_commit::marked_commit;
use super::merging::{destination, head, parent_refused};
use super::once::{CallId, Once, REQUEST_ID, Sent, once};
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::ops::context::Ops;
use crate::ops::writing::Writing;
use lakeport_lakefs::{self as lakefs, Commit};
use lakeport_types::{BranchName, RESERVED_METADATA_PREFIX, Ref, RepositoryId};
use std::collections::BTreeMap;

/// Metadata that lakeFS sets on the copy.
const SET_BY_LAKEFS: &str = "cherry-pick-";

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
    /// The head of the branch.
    type Before = String;
    type Output = Commit;

    async fn before(&self) -> Result<String> {
        head(self.ops, self.caller, &self.writing).await
    }

    async fn send(&self, mark: &str) -> Result<Sent<Commit>> {
        let Pick { repository, branch, commit, parent } = self.pick;
        let original = match self.caller.lakefs.get_commit(repository, commit).await {
            Ok(original) => original,
            // Nothing was changed yet.
            Err(error) => return Ok(Sent::Refused(error)),
        };
        let own = |key: &str| key.starts_with(RESERVED_METADATA_PREFIX) || key.starts_with(SET_BY_LAKEFS);
        let mut metadata: BTreeMap<String, String> =
            original.metadata.into_iter().filter(|(key, _)| !own(key)).collect();
        if self.is_marked {
            metadata.insert(REQUEST_ID.into(), mark.to_owned());
        }
        let picked = self.caller.lakefs.cherry_pick(repository, branch, commit, *parent, &original.message, &metadata);
        Ok(picked.await.into())
    }

    async fn find(&self, head: &String, mark: &str) -> Result<Option<Commit>> {
        let Pick { repository, branch, .. } = self.pick;
        marked_commit(self.caller, (repository, branch), head, (mark, true)).await
    }

    async fn explain(&self, error: lakefs::Error) -> Error {
        let against = (&self.pick.commit, self.pick.parent);
        parent_refused(self.ops, self.caller, &self.writing, against, error).await
    }
}
