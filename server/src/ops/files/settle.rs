//! After a write: whether it stands, and whether it may be acknowledged. Nothing is guessed, everything is looked at.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::fault;
use crate::ops::context::Ops;
use crate::ops::errors::not_open;
use crate::ops::writing::Writing;
use crate::timing::duration;
use crate::timing::millis;
use lakeport_lakefs::{self as lakefs, ObjectStats};
use lakeport_transactions::{Millis, State, Transaction};
use lakeport_types::{ObjectPath, Ref, RepositoryId};
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// How long a write waits for a commit beside it to say what it commits.
const PATIENCE: Duration = Duration::from_secs(60);

/// The pause before a note is written again that the store did not take.
const NOTE_AGAIN: Duration = Duration::from_millis(200);

/// What a write made of a path.
#[derive(Debug, Clone)]
pub(in crate::ops) enum Change {
    /// It holds this: lakeFS said so.
    Put(Box<ObjectStats>),
    /// It holds this: lakeFS's answer was lost, and it was looked for.
    Found(Box<ObjectStats>),
    /// It holds nothing.
    Deleted(ObjectPath),
}

impl Change {
    pub(in crate::ops) fn path(&self) -> &str {
        match self {
            Self::Put(stats) | Self::Found(stats) => &stats.path,
            Self::Deleted(path) => path.as_str(),
        }
    }

    /// What stands now, where something does.
    pub(in crate::ops) fn into_stats(self) -> Option<ObjectStats> {
        match self {
            Self::Put(stats) | Self::Found(stats) => Some(*stats),
            Self::Deleted(_) => None,
        }
    }
}

impl Ops {
    /// Says of each change of a write whether it may be acknowledged: the row is read once more, and where a commit began
    /// meanwhile, lakeFS is asked on which side of it the change stands. One that is refused is in no commit, now or later.
    ///
    /// # Errors
    /// When nothing can be said of any.
    pub(in crate::ops) async fn acknowledge(
        &self,
        caller: &Caller,
        writing: &Writing,
        changes: &[Change],
    ) -> Result<Vec<Result<()>>> {
        let Some(before) = &writing.transaction else { return Ok(changes.iter().map(|_| Ok(())).collect()) };
        let now = self.refreshed(before).await?;
        if now.state == State::Open && now.epoch == before.epoch {
            return Ok(changes.iter().map(|change| is_undisturbed(before, &now, change)).collect());
        }
        let now = self.prepared_soon(caller, before).await?;
        let at = stands_at(&now)?;
        let mut outcomes = Vec::with_capacity(changes.len());
        for change in changes {
            outcomes.push(match holds(caller, &now.repository, &at, change).await {
                Ok(true) => Ok(()),
                Ok(false) => Err(refused_by(&now)),
                Err(error) => Err(error),
            });
        }
        Ok(outcomes)
    }

    /// What is at a path of a transaction that moved on while user metadata was written there: what was written, or it is refused.
    ///
    /// # Errors
    /// The state of the transaction, when it does not hold that metadata; `WriteInDoubt`.
    pub(in crate::ops) async fn described(
        &self,
        caller: &Caller,
        before: &Transaction,
        path: &ObjectPath,
        metadata: &BTreeMap<String, String>,
    ) -> Result<ObjectStats> {
        let now = self.prepared_soon(caller, before).await?;
        match caller.lakefs.stat(&now.repository, &stands_at(&now)?, path).await {
            Ok(stats) if stats.metadata == *metadata => Ok(stats),
            Ok(_) => Err(refused_by(&now)),
            Err(error) if error.kind() == lakefs::Kind::NotFound => Err(refused_by(&now)),
            Err(error) => Err(in_doubt(path, error)),
        }
    }

    /// The same, of a write that made one change.
    pub(in crate::ops) async fn acknowledge_one(
        &self,
        caller: &Caller,
        writing: &Writing,
        change: &Change,
    ) -> Result<()> {
        let outcomes = self.acknowledge(caller, writing, std::slice::from_ref(change)).await?;
        outcomes.into_iter().collect()
    }

    async fn prepared_soon(&self, caller: &Caller, before: &Transaction) -> Result<Transaction> {
        let prepared = tokio::time::timeout(caller.patience(PATIENCE), self.prepared(before)).await;
        prepared.map_err(|_| {
            Error::new(
                Kind::WriteInDoubt,
                "a commit runs beside this write, and it is not known yet which holds it: repeat it",
            )
        })?
    }

    /// Refuses a write to a path on which another upload could still land.
    pub(in crate::ops) fn is_settled(&self, writing: &Writing, path: &ObjectPath) -> Result<()> {
        let settled = |row: &Transaction| settled(row, path.as_str(), row.read_at);
        writing.transaction.as_ref().map_or(Ok(()), settled)
    }

    /// Notes that something may still land on these paths. Until it is noted nobody else may be told that a write to them stands, so
    /// a store that is away is tried for as long as anything can land.
    pub(in crate::ops) async fn unsettle(&self, writing: &Writing, paths: &[ObjectPath]) -> Result<()> {
        let began = Instant::now();
        loop {
            match self.try_to_unsettle(writing, paths).await {
                Err(error) if error.kind() == Kind::SessionStoreUnavailable && began.elapsed() < self.timing.settle => {
                    tracing::warn!(%error, "it cannot be noted yet that a write may still land");
                    tokio::time::sleep(NOTE_AGAIN).await;
                }
                ended => return ended,
            }
        }
    }

    async fn try_to_unsettle(&self, writing: &Writing, paths: &[ObjectPath]) -> Result<()> {
        let Some(before) = &writing.transaction else { return Ok(()) };
        loop {
            // A commit beside it may yet come back to this branch. Once that has taken so long, what could land has landed.
            let Ok(now) = tokio::time::timeout(self.timing.settle, self.prepared(before)).await else { return Ok(()) };
            let now = now?;
            if now.state != State::Open || now.branch != before.branch {
                return Ok(());
            }
            let next = now.unsettling(paths.iter().map(ObjectPath::as_str), millis(self.timing.settle));
            fault::before("unsettled").await;
            let noted = self.store.swap(&now, next).await?;
            fault::after("unsettled").await;
            if noted.is_some() {
                return Ok(());
            }
        }
    }

    /// Lets a request that changes paths come to its end, whether or not its caller waits. Once nobody does, what becomes of it is
    /// told to nobody, so its paths are guarded from then on, if it `is_out` at all.
    pub(in crate::ops) async fn to_the_end<T: Send + 'static>(
        self: &Arc<Self>,
        writing: &Writing,
        paths: Vec<ObjectPath>,
        is_out: impl Fn() -> bool + Send + 'static,
        request: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let gone = CancellationToken::new();
        let _waiting = gone.clone().drop_guard();
        let (ops, writing) = (Arc::clone(self), writing.clone());
        let to_the_end = async move {
            let mut request = pin!(request);
            tokio::select! {
                biased;
                ended = request.as_mut() => return ended,
                () = gone.cancelled() => {}
            }
            let is_out = is_out();
            let guard = async {
                if is_out && let Err(error) = ops.unsettle(&writing, &paths).await {
                    tracing::warn!(%error, "the paths of a request that nobody waits for cannot be guarded");
                }
            };
            tokio::join!(request, guard).0
        };
        let task = self.tasks.spawn(to_the_end.in_current_span());
        task.await
            .map_err(|error| Error::new(Kind::Internal, "the request ended without an answer").caused_by(error))?
    }
}

/// Where what was written stands, if it does.
fn stands_at(now: &Transaction) -> Result<Ref> {
    match (now.state, &now.prepared_commit_id) {
        (State::Open, _) => Ok(Ref::from(&now.branch)),
        (State::Committing | State::Committed, Some(commit)) => Ok(Ref::from(commit)),
        (state, _) => Err(not_open(now, state)),
    }
}

/// A write that a commit beside it left out.
fn refused_by(now: &Transaction) -> Error {
    not_open(now, if now.state == State::Open { State::Committing } else { now.state })
}

/// Whether nothing of an earlier, abandoned request can have landed on a path since the write to it began. What was looked for
/// guards its own path.
fn is_undisturbed(before: &Transaction, now: &Transaction, change: &Change) -> Result<()> {
    match change {
        Change::Found(_) => Ok(()),
        Change::Put(_) | Change::Deleted(_) => settled(now, change.path(), before.read_at),
    }
}

fn settled(transaction: &Transaction, path: &str, since: Millis) -> Result<()> {
    match transaction.unsettled_since(path, since) {
        None => Ok(()),
        Some(until) => Err(Error::new(
            Kind::WriteInDoubt,
            format!("an earlier request about {path:?} was given up and could still land: try again"),
        )
        .retry_in(duration(until - transaction.read_at))),
    }
}

/// Whether a ref holds this very change.
async fn holds(caller: &Caller, repository: &RepositoryId, at: &Ref, change: &Change) -> Result<bool> {
    let path = ObjectPath::try_from(change.path()).map_err(|error| Error::field("path", error))?;
    let found = match caller.lakefs.stat(repository, at, &path).await {
        Ok(found) => Some(found),
        Err(error) if error.kind() == lakefs::Kind::NotFound => {
            // Nothing there, or nothing to look in: a branch that another commit has just taken away.
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

impl Ops {
    /// A change without bytes whose answer says nothing: what was not answered may still land, so its paths are guarded.
    pub(in crate::ops) async fn doubted(&self, writing: &Writing, paths: &[ObjectPath], error: lakefs::Error) -> Error {
        if error.kind() != lakefs::Kind::Contended
            && let Err(error) = self.unsettle(writing, paths).await
        {
            return error;
        }
        match paths.first() {
            Some(path) => in_doubt(path, error),
            None => error.into(),
        }
    }
}

/// A write whose answer was lost and that could not be found by looking.
pub(in crate::ops) fn in_doubt(path: &ObjectPath, cause: lakefs::Error) -> Error {
    Error::new(
        Kind::WriteInDoubt,
        format!("the answer to the write of {:?} was lost and it may or may not stand: repeat it", path.as_str()),
    )
    .caused_by(cause)
}
