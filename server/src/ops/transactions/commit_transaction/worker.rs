//! The worker that runs the steps of a commit.
//!
//! The worker stores each step before it sends the requests that depend on it. If another worker has taken over the
//! row, the next write of this worker fails, and this worker stops.

mod abandoned;
mod fence;
mod merge;
mod prepare;
mod refusal;
mod tags;

pub use abandoned::{resolve_abandoned, roll_back_abandoned, rollback_in_progress};

use crate::auth::{Caller, Held};
use crate::error::{Error, Kind};
use crate::fault;
use crate::ops::commit_id::commit_id;
use crate::ops::context::Shared;
use crate::ops::errors::base_of;
use crate::ops::transactions::clean::clean;
use crate::ops::transactions::commit_transaction::resolve::{EPOCH, History, Resolution, TRANSACTION_ID, find_merge};
use crate::ops::transactions::keep_branch::{Kept, keep, not_kept};
use crate::timing::millis;
use lakeport_lakefs::{self as lakefs, DiffKind, Lakefs};
use lakeport_transactions::{CommitRequest, Failure, State, Transaction};
use lakeport_types::{CommitId, Ref, TransactionId};
use rand::RngExt;
use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

/// Finishes one commit.
pub(super) struct Worker {
    ops: Shared,
    /// Client with the permissions of the caller or of the service.
    lakefs: Lakefs,
    row: Transaction,
}

/// Why a worker stops before COMMITTED.
enum Stop {
    /// The commit failed for a reason that the caller can fix. The transaction returns to OPEN.
    Failed(Error),
    /// The outcome is unknown, or the commit cannot finish now. The row stays COMMITTING, and a retry continues.
    Suspended(Error),
    /// Another worker has taken over the row.
    Superseded,
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

impl From<lakeport_transactions::Error> for Stop {
    fn from(error: lakeport_transactions::Error) -> Self {
        Self::Suspended(error.into())
    }
}

/// The published commit.
struct Published {
    commit: CommitId,
    is_merge: bool,
}

/// Returns the pause after an attempt: `unit`, doubled with each attempt up to eight times, and shortened at random by up to half.
fn pause(unit: Duration, attempt: u32) -> Duration {
    let factor = f64::from(1_u32 << (attempt - 1).min(3));
    unit.mul_f64(factor * rand::rng().random_range(0.5..1.0))
}

impl Worker {
    pub(super) fn new(ops: Shared, lakefs: Lakefs, row: Transaction) -> Self {
        Self { ops, lakefs, row }
    }

    pub(super) fn id(&self) -> &TransactionId {
        &self.row.id
    }

    /// Runs until the row is COMMITTED or OPEN, or the commit is suspended. Returns the last state.
    pub(super) async fn run(mut self) -> State {
        let stopped = match self.row.refusal.clone() {
            // An earlier worker had started to return the transaction to OPEN.
            Some(failure) => self.reopen_as(failure).await,
            None => self.publish_and_finish().await,
        };
        self.stop(stopped).await
    }

    /// Suspends the commit if the worker stopped before its end. Returns the last state.
    async fn stop(mut self, stopped: Result<(), Stop>) -> State {
        match stopped {
            Ok(()) | Err(Stop::Superseded) => {}
            Err(Stop::Failed(error) | Stop::Suspended(error)) => self.suspend(error).await,
        }
        self.row.state
    }

    async fn publish_and_finish(&mut self) -> Result<(), Stop> {
        // An earlier worker had found that the base already has all changes.
        let published = match self.row.is_merged_already {
            true => self.published_without_changes().await,
            false => self.publish().await,
        };
        let finished = match published {
            Ok(published) => self.finish(published).await,
            Err(stop) => Err(stop),
        };
        match finished {
            Err(Stop::Failed(error)) => self.reopen(error).await,
            other => other,
        }
    }

    fn caller(&self) -> Caller {
        let principal = self.row.owner.as_str().into();
        Caller { lakefs: self.lakefs.clone(), principal, deadline: None, held: Held::default() }
    }

    fn request(&self) -> CommitRequest {
        self.row.commit_request.clone().unwrap_or_default()
    }

    /// Stores the next row, if no other worker has taken over the row.
    async fn store(&mut self, step: &'static str, next: Transaction) -> Result<(), Stop> {
        fault::before(step).await;
        self.row = self.ops.store.swap(&self.row, next).await?.ok_or(Stop::Superseded)?;
        fault::after(step).await;
        Ok(())
    }

    /// Renews the lease before a request, and reads the current time of the database.
    async fn renew(&mut self) -> Result<(), Stop> {
        let now = self.ops.refreshed(&self.row).await?;
        if now.version != self.row.version {
            return Err(Stop::Superseded);
        }
        self.row = self.ops.store.swap(&self.row, now.renewed(&self.ops.worker)).await?.ok_or(Stop::Superseded)?;
        Ok(())
    }

    /// Awaits a future that may take longer than the lease, and renews the lease until it completes.
    async fn while_renewing<T>(&mut self, wait: impl Future<Output = T>) -> Result<T, Stop> {
        let mut wait = pin!(wait);
        let renewal = self.ops.timing.lease / 4;
        loop {
            match tokio::time::timeout(renewal, wait.as_mut()).await {
                Ok(done) => return Ok(done),
                Err(_) => self.renew().await?,
            }
        }
    }

    /// Sends a request that changes data in lakeFS. Renews the lease until the request completes. `request` gets the client
    /// and the current row.
    async fn change<T, F>(
        &mut self,
        step: &'static str,
        request: impl FnOnce(Lakefs, Transaction) -> F,
    ) -> Result<T, Stop>
    where
        F: Future<Output = T>,
    {
        self.renew().await?;
        fault::before(step).await;
        let request = request(self.lakefs.clone(), self.row.clone());
        let response = self.while_renewing(request).await?;
        fault::after(step).await;
        Ok(response)
    }

    /// Returns the merge of the transaction, if the base contains it.
    async fn find_merge(&mut self) -> Result<Option<CommitId>, Stop> {
        let (lakefs, row) = (self.lakefs.clone(), self.row.clone());
        match self.while_renewing(async move { find_merge(&lakefs, &row, History::FirstParents).await }).await?? {
            Resolution::Merged(commit) => Ok(Some(commit)),
            Resolution::NotMerged | Resolution::BaseGone => Ok(None),
        }
    }

    async fn publish(&mut self) -> Result<Published, Stop> {
        // An earlier worker may have merged already.
        if self.row.merge_in_doubt
            && self.row.prepared_commit_id.is_some()
            && let Some(commit) = self.find_merge().await?
        {
            return Ok(Published { commit, is_merge: true });
        }
        let mut is_first = false;
        if self.row.prepared_commit_id.is_none() {
            let prepared = self.prepare().await?;
            is_first = prepared.is_first;
            self.store("prepared", self.row.prepared(prepared.commit, &self.ops.worker)).await?;
        }
        if !self.request().merge {
            return Ok(Published { commit: self.prepared()?, is_merge: false });
        }
        if !is_first && self.changes_nothing().await? {
            return Ok(Published { commit: self.base_head().await?, is_merge: false });
        }
        let source = self.merge_source().await?;
        self.merge(&source).await
    }

    fn prepared(&self) -> Result<CommitId, Stop> {
        let missing =
            || Stop::Suspended(Error::new(Kind::Internal, "the row of a commit in progress has no prepared commit"));
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
                "base branch {} no longer exists: roll back, or create the branch again and commit again",
                self.row.base_branch
            ),
        )
    }

    /// Returns whether the prepared commit has the same content as the base commit, e.g. because every write was undone.
    async fn changes_nothing(&mut self) -> Result<bool, Stop> {
        let (base, prepared) = (Ref::from(base_of(&self.row)?), Ref::from(&self.prepared()?));
        let (lakefs, repository) = (self.lakefs.clone(), self.row.repository.clone());
        let diff = lakefs.diff(&repository, (&base, &prepared), DiffKind::TwoDot, "", "", 1);
        Ok(self.while_renewing(diff).await??.results.is_empty())
    }

    /// Steps 4 and 5: creates the tags, stores COMMITTED, and deletes the branches.
    async fn finish(&mut self, published: Published) -> Result<(), Stop> {
        let failed_tags = self.tag(&published.commit).await?;
        // The branch is kept before COMMITTED is stored, so that no response names a missing branch.
        let refusal = match keep(&self.ops, &self.lakefs, self.row.clone()).await? {
            Kept::Done(row) => {
                self.row = row;
                None
            }
            Kept::Refused(row, error) => {
                self.row = row;
                Some(error)
            }
        };
        let committed = self.row.committed(published.commit, published.is_merge, failed_tags);
        let next = match refusal {
            None => committed,
            // Without a merge, the kept branch is the only result.
            Some(error) if !self.request().merge => return Err(Stop::Failed(error)),
            Some(error) => committed.branch_not_kept(not_kept(&error), None),
        };
        self.store("committed", next).await?;
        clean(&self.ops, &self.lakefs, self.row.clone()).await;
        Ok(())
    }

    /// Leaves the row COMMITTING, stores the reason, and releases the lease, so that a retry continues at once.
    async fn suspend(&mut self, error: Error) {
        tracing::warn!(%error, source = ?std::error::Error::source(&error), "cannot finish a commit now");
        let failure = Failure {
            reason: Kind::CommitInDoubt.reason().to_owned(),
            message: format!(
                "the commit of transaction {} has not finished ({error}): retry the same request, or roll back",
                self.row.id
            ),
            paths: Vec::new(),
        };
        // Only the janitor waits until this time. A retry of the owner continues at once.
        let postponed_until = self.row.read_at + millis(self.ops.timing.postponement);
        let next = self.row.suspended(failure, postponed_until);
        if let Err(Stop::Suspended(error)) = self.store("suspended", next).await {
            tracing::error!(%error, "cannot suspend a commit; a retry can continue it after its lease expires");
        }
    }
}
