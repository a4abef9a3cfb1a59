//! The steps of a commit. Each is stored before what it allows is sent; each write to the row fails once somebody else has it,
//! and then this worker stops.

use super::super::changes::changes_of;
use super::super::end::{clean, delete_branches, keep};
use super::super::{Caller, Shared};
use super::resolve::{EPOCH, Resolution, TRANSACTION_ID, merged, prepared_commit};
use super::{NAMED_CONFLICTS, commit_id, conflict};
use crate::error::{Error, Kind, Result};
use lakeport_lakefs::{self as lakefs, DiffKind, Lakefs, LogQuery, NewCommit, NewMerge};
use lakeport_session::{CommitRequest, Failure, Millis, State, Strategy, Transaction};
use lakeport_types::{BranchName, CommitId, Prefix, Ref, TransactionId};
use rand::RngExt;
use std::collections::BTreeMap;
use std::pin::pin;
use std::time::{Duration, Instant};

/// How long a worker tries to merge into a base that moves faster or is dirty.
const MERGE_BUDGET: Duration = Duration::from_secs(60);
/// How often the lease is renewed while a merge waits for its turn.
const RENEWAL: Duration = Duration::from_secs(20);
/// How often a dirty base is tried.
const DIRTY_TRIES: u32 = 3;
/// How long the janitor leaves a commit to its owner before it looks again.
const LEFT_ALONE: Millis = 30_000;
/// How often a commit is sent whose answers are lost.
const COMMIT_TRIES: u32 = 3;
/// The pause before a contended merge is sent again; doubled each time, with chance.
const BACKOFF: Duration = Duration::from_secs(1);

/// Who finishes one commit, with one caller's right.
pub(super) struct Worker {
    ops: Shared,
    lakefs: Lakefs,
    row: Transaction,
}

/// Why a worker stops without COMMITTED.
enum Stop {
    /// The commit failed for a reason that the caller can mend: back to OPEN.
    Failed(Error),
    /// It cannot be said, or not be done now. The row stays COMMITTING, for whoever asks again.
    Suspended(Error),
    /// Somebody else has the row.
    Overtaken,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Suspended(error)
    }
}

impl From<lakefs::Error> for Stop {
    fn from(error: lakefs::Error) -> Self {
        Self::Suspended(error.into())
    }
}

impl From<lakeport_session::Error> for Stop {
    fn from(error: lakeport_session::Error) -> Self {
        Self::Suspended(error.into())
    }
}

/// What was published.
struct Published {
    commit: CommitId,
    is_merge: bool,
}

impl Worker {
    pub(super) fn new(ops: Shared, lakefs: Lakefs, row: Transaction) -> Self {
        Self { ops, lakefs, row }
    }

    pub(super) fn id(&self) -> &TransactionId {
        &self.row.id
    }

    /// Goes on until the row says COMMITTED, OPEN, or why not yet.
    pub(super) async fn run(mut self) {
        let stopped = match self.publish().await {
            Ok(published) => self.finish(published).await,
            Err(stop) => Err(stop),
        };
        let stopped = match stopped {
            Err(Stop::Failed(error)) => self.reopen(error).await,
            other => other,
        };
        match stopped {
            Ok(()) | Err(Stop::Overtaken) => {}
            Err(Stop::Failed(error) | Stop::Suspended(error)) => self.suspend(error).await,
        }
    }

    fn caller(&self) -> Caller {
        Caller { lakefs: self.lakefs.clone(), fingerprint: [0; 32], deadline: None }
    }

    fn request(&self) -> CommitRequest {
        self.row.commit_request.clone().unwrap_or_default()
    }

    /// Stores the next row, if this worker still has it.
    async fn store(&mut self, next: Transaction) -> Result<(), Stop> {
        self.row = self.ops.store.swap(&self.row, next).await?.ok_or(Stop::Overtaken)?;
        Ok(())
    }

    /// Has the lease for one more call, with the clock as it is now.
    async fn renew(&mut self) -> Result<(), Stop> {
        let now = self.ops.refreshed(&self.row).await?;
        if now.version != self.row.version {
            return Err(Stop::Overtaken);
        }
        self.store(now.renewed(&self.ops.worker)).await
    }

    async fn publish(&mut self) -> Result<Published, Stop> {
        // A worker before this one may have merged already.
        if self.row.merge_in_doubt
            && self.row.prepared_commit_id.is_some()
            && let Resolution::Merged(commit) = merged(&self.lakefs, &self.row).await?
        {
            return Ok(Published { commit, is_merge: true });
        }
        if self.row.prepared_commit_id.is_none() {
            let prepared = self.prepare().await?;
            self.store(self.row.prepared(prepared, &self.ops.worker)).await?;
        }
        if !self.request().merge {
            return Ok(Published { commit: self.prepared()?, is_merge: false });
        }
        if self.changes_nothing().await? {
            return Ok(Published { commit: self.base_head().await?, is_merge: false });
        }
        let source = self.merge_source().await?;
        self.merge(&source).await
    }

    fn prepared(&self) -> Result<CommitId, Stop> {
        let missing = || Stop::Suspended(Error::new(Kind::Internal, "no prepared commit"));
        self.row.prepared_commit_id.clone().ok_or_else(missing)
    }

    fn metadata(&self, also_epoch: bool) -> BTreeMap<String, String> {
        let mut metadata = self.request().metadata;
        metadata.insert(TRANSACTION_ID.into(), self.row.mark.clone());
        if also_epoch {
            metadata.insert(EPOCH.into(), self.row.epoch.to_string());
        }
        metadata
    }

    fn message(&self) -> String {
        match self.request().message {
            message if message.is_empty() => format!("Transaction {} into {}", self.row.id, self.row.base_branch),
            message => message,
        }
    }

    /// Step 2: commits what is staged, or finds that it is committed.
    async fn prepare(&mut self) -> Result<CommitId, Stop> {
        let commit = NewCommit { message: self.message(), metadata: self.metadata(true), allow_empty: false };
        for _ in 0..COMMIT_TRIES {
            if self.row.commit_in_doubt
                && let Some(found) = prepared_commit(&self.lakefs, &self.row).await?
            {
                return Ok(commit_id(found.id)?);
            }
            self.renew().await?;
            let error = match self.lakefs.commit(&self.row.repository, &self.row.branch, &commit).await {
                Ok(made) => return Ok(commit_id(made.id)?),
                Err(error) => error,
            };
            match error.kind() {
                // Everything is committed already, by commits inside the transaction or by a worker before this one.
                lakefs::Kind::NoChanges => return self.head_of_live().await,
                _ if error.is_ambiguous() => {
                    self.store(Transaction { commit_in_doubt: true, ..self.row.clone() }).await?;
                }
                lakefs::Kind::Contended => tokio::time::sleep(jittered(1)).await,
                _ => return Err(self.refused(error).await),
            }
        }
        // Looked at once more, since the last try too may have landed.
        match prepared_commit(&self.lakefs, &self.row).await? {
            Some(found) => Ok(commit_id(found.id)?),
            None => Err(Stop::Suspended(super::in_doubt(&self.row.id))),
        }
    }

    async fn head_of_live(&self) -> Result<CommitId, Stop> {
        let branch = self.lakefs.branch(&self.row.repository, &self.row.branch).await?;
        Ok(commit_id(branch.commit_id)?)
    }

    async fn base_head(&self) -> Result<CommitId, Stop> {
        match self.lakefs.branch(&self.row.repository, &self.row.base_branch).await {
            Ok(branch) => Ok(commit_id(branch.commit_id)?),
            Err(error) if error.kind() == lakefs::Kind::BranchNotFound => Err(Stop::Failed(self.base_is_gone())),
            Err(error) => Err(error.into()),
        }
    }

    fn base_is_gone(&self) -> Error {
        Error::new(
            Kind::RefNotFound,
            format!(
                "base branch {} is gone: roll back, or make the branch anew and commit again",
                self.row.base_branch
            ),
        )
    }

    /// Nothing in content differs from where the transaction began, whatever was written and taken back.
    async fn changes_nothing(&self) -> Result<bool, Stop> {
        let (base, prepared) = (Ref::from(&self.row.base_commit_id), Ref::from(&self.prepared()?));
        let sides = (&base, &prepared);
        let page = self.lakefs.diff(&self.row.repository, sides, DiffKind::TwoDot, "", "", 1).await?;
        Ok(page.results.is_empty())
    }

    /// A branch whose head can only be the prepared commit.
    async fn merge_source(&mut self) -> Result<BranchName, Stop> {
        if self.request().squash && self.has_several_commits().await? {
            return self.squashed().await;
        }
        if self.row.commit_in_doubt || self.row.merge_in_doubt {
            return self.frozen(self.prepared()?).await;
        }
        Ok(self.row.branch.clone())
    }

    async fn has_several_commits(&self) -> Result<bool, Stop> {
        let stop_at = Some(self.row.base_commit_id.clone());
        let query = LogQuery { amount: 3, first_parent: true, stop_at, ..LogQuery::default() };
        let page = self.lakefs.log(&self.row.repository, &Ref::from(&self.prepared()?), &query).await?;
        // The base commit itself is the last of them.
        Ok(page.results.len() > 2)
    }

    /// A branch of its own for a commit. A late commit of a worker that lost its lease lands on the live branch, not here.
    async fn frozen(&mut self, commit: CommitId) -> Result<BranchName, Stop> {
        let branch = BranchName::for_transaction(rand::rng().random());
        self.store(self.row.with_merge_branch(branch.clone(), &self.ops.worker)).await?;
        match self.lakefs.create_branch(&self.row.repository, &branch, &Ref::from(&commit), true).await {
            Ok(_) => Ok(branch),
            // The name is random and stored: what is there is this very try.
            Err(error) if error.kind() == lakefs::Kind::AlreadyExists => Ok(branch),
            Err(error) => Err(error.into()),
        }
    }

    /// One commit of all: a squash merge into a branch of our own, never into the base, where a repetition would land twice.
    async fn squashed(&mut self) -> Result<BranchName, Stop> {
        let branch = self.frozen(self.row.base_commit_id.clone()).await?;
        let merge =
            NewMerge { message: self.message(), metadata: self.metadata(true), squash: true, ..NewMerge::default() };
        let source = Ref::from(&self.prepared()?);
        let head = match self.lakefs.merge(&self.row.repository, &source, &branch, &merge).await {
            Ok(head) => head,
            Err(error) => return Err(self.refused(error).await),
        };
        self.store(self.row.prepared(commit_id(head)?, &self.ops.worker)).await?;
        Ok(branch)
    }

    /// Step 3: a plain merge into the base, by the name of a branch, in its turn.
    async fn merge(&mut self, source: &BranchName) -> Result<Published, Stop> {
        let queues = self.ops.queues.clone();
        let row = self.row.clone();
        let mut turn = pin!(queues.turn_of(&row));
        let _turn = loop {
            match tokio::time::timeout(RENEWAL, turn.as_mut()).await {
                Ok(turn) => break turn,
                Err(_) => self.renew().await?,
            }
        };
        let merge = NewMerge {
            message: self.message(),
            metadata: self.metadata(false),
            strategy: match self.request().strategy {
                Strategy::Fail => lakefs::Strategy::Fail,
                Strategy::SourceWins => lakefs::Strategy::SourceWins,
                Strategy::DestinationWins => lakefs::Strategy::DestinationWins,
            },
            ..NewMerge::default()
        };
        let began = Instant::now();
        let mut dirty = 0;
        for attempt in 1_u32.. {
            self.renew().await?;
            let (repository, base) = (self.row.repository.clone(), self.row.base_branch.clone());
            let error = match self.lakefs.merge(&repository, &Ref::from(source), &base, &merge).await {
                Ok(commit) => return Ok(Published { commit: commit_id(commit)?, is_merge: true }),
                Err(error) => error,
            };
            if error.is_ambiguous() {
                self.store(Transaction { merge_in_doubt: true, ..self.row.clone() }).await?;
            }
            if self.row.merge_in_doubt
                && let Resolution::Merged(commit) = merged(&self.lakefs, &self.row).await?
            {
                return Ok(Published { commit, is_merge: true });
            }
            match error.kind() {
                lakefs::Kind::NoChanges if !self.row.merge_in_doubt => {
                    return Ok(Published { commit: self.base_head().await?, is_merge: false });
                }
                // Merged by somebody else, or by a try whose mark cannot be found any more.
                lakefs::Kind::NoChanges if self.is_in_base().await? => {
                    return Ok(Published { commit: self.base_head().await?, is_merge: false });
                }
                lakefs::Kind::DirtyBranch => dirty += 1,
                lakefs::Kind::Contended => {}
                _ if error.is_ambiguous() => {}
                _ => return Err(self.refused(error).await),
            }
            if dirty >= DIRTY_TRIES {
                return Err(self.refused(error).await);
            }
            if began.elapsed() > MERGE_BUDGET {
                return Err(Stop::Suspended(super::in_doubt(&self.row.id)));
            }
            tokio::time::sleep(jittered(attempt)).await;
        }
        Err(Stop::Suspended(super::in_doubt(&self.row.id)))
    }

    /// Whether the base comes from the prepared commit.
    async fn is_in_base(&self) -> Result<bool, Stop> {
        let prepared = self.prepared()?;
        let base = Ref::from(&self.row.base_branch);
        let found = self.lakefs.merge_base(&self.row.repository, &Ref::from(&prepared), &base).await?;
        Ok(found.base == prepared.as_str())
    }

    /// What a definite refusal of lakeFS means for the transaction.
    async fn refused(&self, error: lakefs::Error) -> Stop {
        let (base, id) = (&self.row.base_branch, &self.row.id);
        match error.kind() {
            lakefs::Kind::MergeConflict => Stop::Failed(self.conflict().await),
            lakefs::Kind::DirtyBranch => Stop::Failed(Error::new(
                Kind::BaseDirty,
                format!("base branch {base} has uncommitted changes: commit or reset them, then commit again"),
            )),
            lakefs::Kind::HookRejected => Stop::Failed(Error::new(Kind::HookRejected, error.to_string())),
            lakefs::Kind::BranchProtected => Stop::Failed(Error::new(
                Kind::BranchProtected,
                format!("lakeFS: {error}: transaction {id} is open again"),
            )),
            lakefs::Kind::RepositoryReadOnly => Stop::Failed(Error::new(
                Kind::RepositoryReadOnly,
                format!("repository {} is read-only", self.row.repository),
            )),
            lakefs::Kind::BranchNotFound => self.gone().await,
            lakefs::Kind::PermissionDenied | lakefs::Kind::InvalidArgument => Stop::Failed(error.into()),
            lakefs::Kind::Unauthenticated => match self.caller().explain(error.into()).await {
                error if error.kind() == Kind::PermissionDenied => Stop::Failed(error),
                error => Stop::Suspended(error),
            },
            _ => Stop::Suspended(error.into()),
        }
    }

    /// A branch is gone: the base, or the transaction's own.
    async fn gone(&self) -> Stop {
        match self.base_head().await {
            Err(stop) => stop,
            Ok(_) => Stop::Failed(Error::new(
                Kind::RefNotFound,
                format!("the branch of transaction {} is gone, and what was written with it: roll back", self.row.id),
            )),
        }
    }

    async fn conflict(&self) -> Error {
        let found = match changes_of(&self.ops, &self.caller(), &self.row, Prefix::default()).await {
            Ok(changes) => changes.conflicts(&self.ops, NAMED_CONFLICTS).await,
            Err(error) => Err(error),
        };
        // The merge was refused, whether or not the paths can be named now.
        let (paths, count) = found.unwrap_or_default();
        conflict(self.row.base_branch.as_str(), paths, count)
    }

    /// Steps 4 and 5: tags, COMMITTED, and the branches go.
    async fn finish(&mut self, published: Published) -> Result<(), Stop> {
        let failed_tags = self.tag(&published.commit).await;
        // Before COMMITTED, so that the answer names a branch that is there.
        self.row = keep(&self.ops, &self.lakefs, self.row.clone()).await?;
        self.store(self.row.committed(published.commit, published.is_merge, failed_tags)).await?;
        clean(&self.ops, &self.lakefs, self.row.clone()).await;
        Ok(())
    }

    async fn tag(&self, commit: &CommitId) -> Vec<String> {
        let mut failed = Vec::new();
        for tag in self.request().tag_names() {
            let made = self.lakefs.create_tag(&self.row.repository, &tag, &Ref::from(commit)).await;
            let stands = match made {
                Ok(_) => true,
                // Of a worker before this one, if it names our commit.
                Err(_) => self
                    .lakefs
                    .tag(&self.row.repository, &tag)
                    .await
                    .is_ok_and(|found| found.commit_id == commit.as_str()),
            };
            if !stands {
                failed.push(tag.to_string());
            }
        }
        failed
    }

    /// The fence, and back to OPEN: on a new branch from the prepared commit, once nothing that was sent can land any more.
    async fn reopen(&mut self, error: Error) -> Result<(), Stop> {
        let failure = Failure {
            reason: error.kind().reason().to_owned(),
            message: error.to_string(),
            paths: error.subjects().to_vec(),
        };
        let Some(prepared) = self.row.prepared_commit_id.clone() else {
            // Nothing was committed, so nothing can be merged: the live branch stays.
            return self.store(self.row.reopened(self.row.branch.clone(), failure)).await;
        };
        if let Some(commit) = self.fence().await? {
            return self.finish(Published { commit, is_merge: true }).await;
        }
        let branch = BranchName::for_transaction(rand::rng().random());
        // Stored before it is made, so that no branch is unknown.
        self.store(self.row.with_merge_branch(branch.clone(), &self.ops.worker)).await?;
        match self.lakefs.create_branch(&self.row.repository, &branch, &Ref::from(&prepared), true).await {
            Ok(_) => {}
            Err(error) if error.kind() == lakefs::Kind::AlreadyExists => {}
            Err(error) => return Err(error.into()),
        }
        self.store(self.row.reopened(branch, failure)).await
    }

    /// Takes away every name that a merge could use, waits until one that is under way has landed or cannot, and looks once
    /// more. Says what was merged after all.
    async fn fence(&mut self) -> Result<Option<CommitId>, Stop> {
        self.renew().await?;
        delete_branches(&self.lakefs, &self.row).await?;
        if self.row.merge_in_doubt {
            // From now, when the names are gone, not from when a worker before this one began to wait.
            self.renew().await?;
            let settle = Millis::try_from(self.ops.settle.as_millis()).unwrap_or(Millis::MAX);
            let until = self.row.read_at + settle;
            self.store(Transaction { fence_until: Some(until), ..self.row.clone() }).await?;
            let mut left = until - self.row.read_at;
            while left > 0 {
                // In pieces, so that the lease never lapses meanwhile.
                let nap = left.min(lakeport_session::LEASE / 3);
                tokio::time::sleep(super::span(nap)).await;
                self.renew().await?;
                left = until - self.row.read_at;
            }
            if let Resolution::Merged(commit) = merged(&self.lakefs, &self.row).await? {
                return Ok(Some(commit));
            }
        }
        Ok(None)
    }

    /// Leaves the row COMMITTING, says why, and lets whoever asks next go on at once.
    async fn suspend(&mut self, error: Error) {
        tracing::warn!(%error, source = ?std::error::Error::source(&error), "a commit cannot be finished now");
        let failure = Failure {
            reason: Kind::CommitInDoubt.reason().to_owned(),
            message: format!("the commit of transaction {} is not finished ({error}): commit again", self.row.id),
            paths: Vec::new(),
        };
        let next = Transaction { failure: Some(failure), ..self.row.released() };
        if let Err(Stop::Suspended(error)) = self.store(next).await {
            tracing::error!(%error, "nor can that be stored; its lease will lapse");
        }
    }
}

/// What the janitor does with a commit that nobody works on: finds out whether it was merged, and finishes it with the service's
/// own right where that is everybody's. Past its lifetime it is ended, behind the fence.
///
/// # Errors
/// When the store fails.
pub async fn resolve_abandoned(ops: &Shared, row: &Transaction, may_finish: bool) -> Result<()> {
    if row.state != State::Committing || !row.is_unattended() {
        return Ok(());
    }
    let is_over = row.expire_time <= row.read_at;
    let next = row.take_over(&ops.worker).map_err(|state| super::not_open(row, state.0))?;
    let Some(taken) = ops.store.swap(row, next).await? else { return Ok(()) };
    let mut worker = Worker::new(ops.clone(), ops.service.clone(), taken);
    if may_finish && !is_over {
        worker.run().await;
        return Ok(());
    }
    match worker.end_or_leave(is_over).await {
        Ok(()) | Err(Stop::Overtaken) => Ok(()),
        Err(Stop::Failed(error) | Stop::Suspended(error)) => {
            worker.suspend(error).await;
            Ok(())
        }
    }
}

impl Worker {
    /// Merged: COMMITTED. Not merged: left to its owner, until the end of its life.
    async fn end_or_leave(&mut self, is_over: bool) -> Result<(), Stop> {
        if self.row.prepared_commit_id.is_some()
            && let Resolution::Merged(commit) = merged(&self.lakefs, &self.row).await?
        {
            return self.finish(Published { commit, is_merge: true }).await;
        }
        if !is_over {
            // Its owner may go on at once; the janitor looks again later.
            let next = Transaction { lease_until: self.row.read_at + LEFT_ALONE, ..self.row.released() };
            return self.store(next).await;
        }
        if let Some(commit) = self.fence().await? {
            return self.finish(Published { commit, is_merge: true }).await;
        }
        let ended = self.row.expired().map_err(|state| Stop::Suspended(super::not_open(&self.row, state.0)))?;
        self.store(ended).await?;
        clean(&self.ops, &self.lakefs, self.row.clone()).await;
        Ok(())
    }
}

fn jittered(attempt: u32) -> Duration {
    let factor = f64::from(1_u32 << (attempt - 1).min(3));
    BACKOFF.mul_f64(factor * rand::rng().random_range(0.5..1.0))
}
