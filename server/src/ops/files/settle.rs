//! Decides whether a write may be acknowledged.
//!
//! A write in a transaction can run concurrently with a commit, or with an earlier request whose response was lost and
//! that may still take effect. These functions read the row and lakeFS to find the outcome. They never guess.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::Ops;
use crate::ops::errors::{not_open, on_another_branch};
use crate::ops::files::guards::{check_settled_since, in_doubt};
use crate::ops::writing::Writing;
use lakeport_lakefs::{self as lakefs, ObjectStats};
use lakeport_transactions::{State, Transaction};
use lakeport_types::{ObjectPath, Ref, RepositoryId};
use std::collections::BTreeMap;
use std::time::Duration;

/// Maximum time that a write waits for the prepared commit of a concurrent commit.
const WAIT_LIMIT: Duration = Duration::from_secs(60);

/// Effect of a write on a path.
#[derive(Debug, Clone)]
pub(in crate::ops) enum Change {
    /// The path has this object. lakeFS confirmed it, or its idempotency key shows whose it is.
    Put(Box<ObjectStats>),
    /// The path has this object. lakeFS's response was lost, and the object was found. The write guards the path itself.
    Found(Box<ObjectStats>),
    /// The path has no object.
    Deleted(ObjectPath),
}

impl Change {
    /// Marks an object as one whose path the write has guarded itself.
    pub(in crate::ops) fn guarded(self) -> Self {
        match self {
            Self::Put(stats) => Self::Found(stats),
            change => change,
        }
    }

    pub(in crate::ops) fn path(&self) -> &str {
        match self {
            Self::Put(stats) | Self::Found(stats) => &stats.path,
            Self::Deleted(path) => path.as_str(),
        }
    }

    /// Returns the object at the path, if there is one.
    pub(in crate::ops) fn into_stats(self) -> Option<ObjectStats> {
        match self {
            Self::Put(stats) | Self::Found(stats) => Some(*stats),
            Self::Deleted(_) => None,
        }
    }
}

impl Ops {
    /// Decides for each change whether it may be acknowledged.
    ///
    /// Reads the row again. If a commit has started since the write began, or the branch was replaced, this checks in lakeFS whether the
    /// prepared commit, or the new branch, contains the change. A rejected change is in no commit, now or later.
    ///
    /// # Errors
    /// If nothing is known about any of the changes.
    pub(in crate::ops) async fn acknowledge(
        &self,
        caller: &Caller,
        writing: &Writing,
        changes: &[Change],
    ) -> Result<Vec<Result<()>>> {
        let Some(before) = &writing.transaction else { return Ok(changes.iter().map(|_| Ok(())).collect()) };
        let mut now = self.refreshed(before).await?;
        if is_undisturbed(before, &now, changes) {
            return Ok(changes.iter().map(|_| Ok(())).collect());
        }
        // Boxed: it is rare, and its future is larger than the rest of a write.
        Box::pin(async {
            if is_on_same_branch(before, &now) {
                let paths: Vec<&str> = changes.iter().map(Change::path).collect();
                now = match self.wait_until_settled(caller, before, &paths).await {
                    Ok(now) => now,
                    Err(error) if changes.len() == 1 => return Ok(vec![Err(error)]),
                    Err(_) => self.refreshed(before).await?,
                };
            }
            match is_on_same_branch(before, &now) {
                true => Ok(self.still_there(caller, before, &now, changes).await),
                false => self.contained_in_commit(caller, before, changes).await,
            }
        })
        .await
    }

    /// Decides for each change in an open transaction whether it may be acknowledged, although an abandoned request may have changed
    /// its path.
    async fn still_there(
        &self,
        caller: &Caller,
        before: &Transaction,
        now: &Transaction,
        changes: &[Change],
    ) -> Vec<Result<()>> {
        let live = Ref::from(&now.branch);
        let mut outcomes = Vec::with_capacity(changes.len());
        for change in changes {
            let disturbed = check_undisturbed(before, now, change);
            let settled = check_settled_since(now, change.path(), now.read_at);
            outcomes.push(match (disturbed, settled) {
                (Ok(()), _) => Ok(()),
                (Err(_), Err(error)) => Err(error),
                // No abandoned request can change the path any more, but one may have done so.
                (Err(_), Ok(())) => match contains(caller, &now.repository, &live, change).await {
                    Ok(true) => Ok(()),
                    Ok(false) => Err(overwritten(change.path())),
                    Err(error) => Err(error),
                },
            });
        }
        outcomes
    }

    /// Decides for each change whether it may be acknowledged, after a commit has started.
    async fn contained_in_commit(
        &self,
        caller: &Caller,
        before: &Transaction,
        changes: &[Change],
    ) -> Result<Vec<Result<()>>> {
        let now = self.wait_until_prepared(caller, before).await?;
        let at = ref_with_writes(&now)?;
        let mut outcomes = Vec::with_capacity(changes.len());
        for change in changes {
            outcomes.push(match contains(caller, &now.repository, &at, change).await {
                Ok(true) => Ok(()),
                Ok(false) => Err(rejected_by(before, &now)),
                Err(error) => Err(error),
            });
        }
        Ok(outcomes)
    }

    /// Returns the object at a path if it has this metadata, for a transaction that moved to another branch or to its
    /// commit during the write.
    ///
    /// # Errors
    /// The error for the state of the transaction, if the object does not have this metadata; `WriteInDoubt`.
    pub(in crate::ops) async fn confirm_metadata(
        &self,
        caller: &Caller,
        before: &Transaction,
        path: &ObjectPath,
        metadata: &BTreeMap<String, String>,
    ) -> Result<ObjectStats> {
        let now = self.wait_until_prepared(caller, before).await?;
        match caller.lakefs.stat(&now.repository, &ref_with_writes(&now)?, path).await {
            Ok(stats) if stats.metadata == *metadata => Ok(stats),
            Ok(_) => Err(rejected_by(before, &now)),
            Err(error) if error.kind() == lakefs::Kind::NotFound => Err(rejected_by(before, &now)),
            Err(error) => Err(in_doubt(path, error)),
        }
    }

    /// Decides whether a write with one change may be acknowledged.
    ///
    /// # Errors
    /// As [`acknowledge`](Self::acknowledge).
    pub(in crate::ops) async fn acknowledge_one(
        &self,
        caller: &Caller,
        writing: &Writing,
        change: &Change,
    ) -> Result<()> {
        let outcomes = self.acknowledge(caller, writing, std::slice::from_ref(change)).await?;
        outcomes.into_iter().collect()
    }

    async fn wait_until_prepared(&self, caller: &Caller, before: &Transaction) -> Result<Transaction> {
        let prepared = tokio::time::timeout(caller.time_left(WAIT_LIMIT), self.prepared(before)).await;
        prepared.map_err(|_| {
            Error::new(
                Kind::WriteInDoubt,
                "a commit is running, or the transaction continues on another branch, and it is not known yet whether this write is \
                 part of it: retry the write",
            )
        })?
    }
}

/// Returns the ref that contains the acknowledged writes: the live branch or the prepared commit.
fn ref_with_writes(now: &Transaction) -> Result<Ref> {
    match (now.state, &now.prepared_commit_id) {
        (State::Open, _) => Ok(Ref::from(&now.branch)),
        (State::Committing | State::Committed, Some(commit)) => Ok(Ref::from(commit)),
        (state, _) => Err(not_open(now, state)),
    }
}

/// The error for a write that neither a concurrent commit nor the new branch contains.
fn rejected_by(before: &Transaction, now: &Transaction) -> Error {
    match now.state {
        State::Open if now.epoch == before.epoch => on_another_branch(now),
        State::Open => not_open(now, State::Committing),
        other => not_open(now, other),
    }
}

/// Returns whether no commit has started since a write began, and the branch is the same and is not being replaced.
fn is_on_same_branch(before: &Transaction, now: &Transaction) -> bool {
    let is_same = now.epoch == before.epoch && now.branch == before.branch;
    now.state == State::Open && is_same && !now.is_changing_branch()
}

/// Returns whether neither a commit nor an abandoned request can have interfered with the changes of a write.
fn is_undisturbed(before: &Transaction, now: &Transaction, changes: &[Change]) -> bool {
    is_on_same_branch(before, now) && changes.iter().all(|change| check_undisturbed(before, now, change).is_ok())
}

/// The error for a write whose path an abandoned request has changed afterwards.
fn overwritten(path: &str) -> Error {
    Error::new(
        Kind::WriteInDoubt,
        format!("an abandoned request for {path:?} took effect after this write: retry the write"),
    )
}

/// Checks that no abandoned request can have changed the path since the write began. For a change that was found, the
/// write guards the path itself.
fn check_undisturbed(before: &Transaction, now: &Transaction, change: &Change) -> Result<()> {
    match change {
        Change::Found(_) => Ok(()),
        Change::Put(_) | Change::Deleted(_) => check_settled_since(now, change.path(), before.read_at),
    }
}

/// Returns whether a ref contains exactly this change.
async fn contains(caller: &Caller, repository: &RepositoryId, at: &Ref, change: &Change) -> Result<bool> {
    let path = ObjectPath::try_from(change.path()).map_err(|error| Error::field("path", error))?;
    let found = match caller.lakefs.stat(repository, at, &path).await {
        Ok(found) => Some(found),
        Err(error) if error.kind() == lakefs::Kind::NotFound => {
            // Either the object or the ref is missing. Another commit may just have deleted the branch.
            caller.lakefs.get_commit(repository, at).await.map_err(|error| in_doubt(&path, error))?;
            None
        }
        Err(error) => return Err(in_doubt(&path, error)),
    };
    Ok(match (change, found) {
        (Change::Deleted(_), found) => found.is_none(),
        (Change::Put(_) | Change::Found(_), None) => false,
        (Change::Put(put) | Change::Found(put), Some(found)) => {
            found.checksum == put.checksum
                && found.size_bytes == put.size_bytes
                && found.content_type == put.content_type
                && found.metadata == put.metadata
        }
    })
}
