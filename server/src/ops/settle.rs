//! After a write: whether it stands, and whether it may be acknowledged. Nothing is guessed, everything is looked at.

use super::locate::not_open;
use super::{Caller, Ops, Writing};
use crate::error::{Error, Kind, Result};
use lakeport_lakefs::{self as lakefs, ObjectStats};
use lakeport_session::{Millis, State, Transaction};
use lakeport_types::{ObjectPath, Ref, RepositoryId};
use std::time::Duration;

/// How long a write waits for a commit beside it to say what it commits.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a write made of a path.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// It holds this.
    Put(Box<ObjectStats>),
    /// It holds nothing.
    Deleted(ObjectPath),
}

impl Ops {
    /// Acknowledges changes of a write, if a commit did not pass them by: the row is read once more, and where a commit began
    /// meanwhile, lakeFS is asked on which side of it each change stands.
    ///
    /// # Errors
    /// The state of the transaction, and then the change is in no commit, now or later.
    pub(super) async fn acknowledge(&self, caller: &Caller, writing: &Writing, changes: &[Change]) -> Result<()> {
        let Some(before) = &writing.transaction else { return Ok(()) };
        let now = self.refreshed(before).await?;
        if now.state == State::Open && now.epoch == before.epoch {
            return Ok(());
        }
        let prepared = tokio::time::timeout(caller.patience(PATIENCE), self.prepared(before)).await;
        let now = prepared.map_err(|_| {
            Error::new(
                Kind::WriteInDoubt,
                "a commit runs beside this write, and it is not known yet which holds it: repeat it",
            )
        })??;
        let at = match (now.state, &now.prepared_commit_id) {
            (State::Open, _) => Ref::from(&now.branch),
            (State::Committing | State::Committed, Some(commit)) => Ref::from(commit),
            (state, _) => return Err(not_open(&now, state)),
        };
        for change in changes {
            if !holds(caller, &now.repository, &at, change).await? {
                let state = if now.state == State::Open { State::Committing } else { now.state };
                return Err(not_open(&now, state));
            }
        }
        Ok(())
    }

    /// Refuses a write to a path on which another upload could still land.
    pub(super) fn is_settled(&self, writing: &Writing, path: &ObjectPath) -> Result<()> {
        let Some(transaction) = &writing.transaction else { return Ok(()) };
        match transaction.unsettled_until(path.as_str()) {
            None => Ok(()),
            Some(until) => Err(Error::new(
                Kind::WriteInDoubt,
                format!("an earlier upload to {:?} could still land: try again", path.as_str()),
            )
            .retry_in(span(until - transaction.read_at))),
        }
    }

    /// Notes that an upload to a path may still land.
    pub(super) async fn unsettle(&self, writing: &Writing, path: &ObjectPath) -> Result<()> {
        let Some(before) = &writing.transaction else { return Ok(()) };
        let settle = settling(self);
        loop {
            // A commit beside it may yet come back to this branch.
            let now = self.prepared(before).await?;
            if now.state != State::Open || now.branch != before.branch {
                return Ok(());
            }
            if self.store.swap(&now, now.unsettling(path.as_str(), settle)).await?.is_some() {
                return Ok(());
            }
        }
    }
}

/// Whether a ref holds this very change.
async fn holds(caller: &Caller, repository: &RepositoryId, at: &Ref, change: &Change) -> Result<bool> {
    let path = match change {
        Change::Put(stats) => {
            &ObjectPath::try_from(stats.path.as_str()).map_err(|error| Error::field("path", error))?
        }
        Change::Deleted(path) => path,
    };
    let found = match caller.lakefs.stat(repository, at, path).await {
        Ok(found) => Some(found),
        Err(error) if error.kind() == lakefs::Kind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    Ok(match (change, found) {
        (Change::Deleted(_), found) => found.is_none(),
        (Change::Put(_), None) => false,
        (Change::Put(put), Some(found)) => {
            found.checksum == put.checksum
                && found.size_bytes == put.size_bytes
                && found.content_type == put.content_type
                && found.metadata == put.metadata
        }
    })
}

/// How long what was given up may still land.
pub(super) fn settling(ops: &Ops) -> Millis {
    Millis::try_from(ops.settle.as_millis()).unwrap_or(Millis::MAX)
}

/// A span of the database's clock.
pub(super) fn span(millis: Millis) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}

impl Ops {
    /// A change without bytes whose answer says nothing: what was not answered may still land, so its paths are guarded.
    pub(super) async fn doubted(&self, writing: &Writing, paths: &[ObjectPath], error: lakefs::Error) -> Error {
        if error.kind() != lakefs::Kind::Contended {
            for path in paths {
                if let Err(error) = self.unsettle(writing, path).await {
                    return error;
                }
            }
        }
        match paths.first() {
            Some(path) => in_doubt(path, error),
            None => error.into(),
        }
    }
}

/// A write whose answer was lost and that could not be found by looking.
pub(super) fn in_doubt(path: &ObjectPath, cause: lakefs::Error) -> Error {
    Error::new(
        Kind::WriteInDoubt,
        format!("the answer to the write of {:?} was lost and it may or may not stand: repeat it", path.as_str()),
    )
    .caused_by(cause)
}

/// The row that a caller of an ended commit sees.
pub fn failure_of(transaction: &Transaction) -> Option<Error> {
    let failure = transaction.failure.as_ref()?;
    let kind = Kind::of_reason(&failure.reason).unwrap_or(Kind::Internal);
    Some(Error::new(kind, failure.message.clone()).about(failure.paths.iter().cloned()))
}
