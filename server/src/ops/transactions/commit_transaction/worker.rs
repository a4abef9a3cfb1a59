//! The steps of a commit. Each is stored before what it allows is sent; each write to the row fails once somebody else has it,
//! and then this worker stops.

mod abandoned;
mod fence;
mod merge;
mod prepare;
mod refusal;

pub use abandoned::resolve_abandoned;

use crate::auth::Caller;
use crate::error::{Error, Kind};
use crate::fault;
use crate::ops::commit_id::commit_id;
use crate::ops::context::Shared;
use crate::ops::errors::base_of;
use crate::ops::transactions::clean::clean;
use crate::ops::transactions::commit_transaction::resolve::{EPOCH, Line, Resolution, TRANSACTION_ID, merged};
use crate::ops::transactions::keep_branch::{Kept, keep, unkept};
use crate::timing::millis;
use lakeport_lakefs::{self as lakefs, DiffKind, Lakefs};
use lakeport_transactions::{CommitRequest, Failure, State, Transaction};
use lakeport_types::{CommitId, Ref, TransactionId};
use std::collections::BTreeMap;
use std::pin::pin;

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

impl From<lakeport_transactions::Error> for Stop {
    fn from(error: lakeport_transactions::Error) -> Self {
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

    /// Goes on until the row says COMMITTED, OPEN, or why not yet, and says which.
    pub(super) async fn run(mut self) -> State {
        let stopped = match self.row.refusal.clone() {
            // A worker before this one was on its way back to OPEN.
            Some(failure) => self.reopen_as(failure).await,
            None => self.go_on().await,
        };
        match stopped {
            Ok(()) | Err(Stop::Overtaken) => {}
            Err(Stop::Failed(error) | Stop::Suspended(error)) => self.suspend(error).await,
        }
        self.row.state
    }

    async fn go_on(&mut self) -> Result<(), Stop> {
        let finished = match self.publish().await {
            Ok(published) => self.finish(published).await,
            Err(stop) => Err(stop),
        };
        match finished {
            Err(Stop::Failed(error)) => self.reopen(error).await,
            other => other,
        }
    }

    fn caller(&self) -> Caller {
        Caller { lakefs: self.lakefs.clone(), principal: self.row.owner.as_str().into(), deadline: None }
    }

    fn request(&self) -> CommitRequest {
        self.row.commit_request.clone().unwrap_or_default()
    }

    /// Stores the next row, if this worker still has it.
    async fn store(&mut self, step: &'static str, next: Transaction) -> Result<(), Stop> {
        fault::before(step).await;
        self.row = self.ops.store.swap(&self.row, next).await?.ok_or(Stop::Overtaken)?;
        fault::after(step).await;
        Ok(())
    }

    /// Has the lease for one more call, with the clock as it is now.
    async fn renew(&mut self) -> Result<(), Stop> {
        let now = self.ops.refreshed(&self.row).await?;
        if now.version != self.row.version {
            return Err(Stop::Overtaken);
        }
        self.row = self.ops.store.swap(&self.row, now.renewed(&self.ops.worker)).await?.ok_or(Stop::Overtaken)?;
        Ok(())
    }

    /// Waits for something that may take longer than the lease, and keeps the lease meanwhile.
    async fn keeping<T>(&mut self, wait: impl Future<Output = T>) -> Result<T, Stop> {
        let mut wait = pin!(wait);
        let renewal = self.ops.timing.lease / 4;
        loop {
            match tokio::time::timeout(renewal, wait.as_mut()).await {
                Ok(done) => return Ok(done),
                Err(_) => self.renew().await?,
            }
        }
    }

    /// Changes something in lakeFS, on this worker's own snapshot of the row and under its lease.
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
        let answer = self.keeping(request).await?;
        fault::after(step).await;
        Ok(answer)
    }

    /// The commit as which the transaction was merged, if it was.
    async fn merged(&mut self) -> Result<Option<CommitId>, Stop> {
        let (lakefs, row) = (self.lakefs.clone(), self.row.clone());
        match self.keeping(async move { merged(&lakefs, &row, Line::OfTheBase).await }).await?? {
            Resolution::Merged(commit) => Ok(Some(commit)),
            Resolution::NotMerged | Resolution::BaseGone => Ok(None),
        }
    }

    async fn publish(&mut self) -> Result<Published, Stop> {
        // A worker before this one may have merged already.
        if self.row.merge_in_doubt
            && self.row.prepared_commit_id.is_some()
            && let Some(commit) = self.merged().await?
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
    async fn changes_nothing(&mut self) -> Result<bool, Stop> {
        let (base, prepared) = (Ref::from(base_of(&self.row)?), Ref::from(&self.prepared()?));
        let (lakefs, repository) = (self.lakefs.clone(), self.row.repository.clone());
        let diff = lakefs.diff(&repository, (&base, &prepared), DiffKind::TwoDot, "", "", 1);
        Ok(self.keeping(diff).await??.results.is_empty())
    }

    /// Steps 4 and 5: tags, COMMITTED, and the branches go.
    async fn finish(&mut self, published: Published) -> Result<(), Stop> {
        let failed_tags = self.tag(&published.commit).await;
        // Before COMMITTED, so that the answer names a branch that is there.
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
            // Without a merge, the branch is all that there is to publish.
            Some(error) if !self.request().merge => return Err(Stop::Failed(error)),
            Some(error) => committed.branch_not_kept(unkept(&error), false),
        };
        self.store("committed", next).await?;
        clean(&self.ops, &self.lakefs, self.row.clone()).await;
        Ok(())
    }

    async fn tag(&self, commit: &CommitId) -> Vec<String> {
        let mut failed = Vec::new();
        for tag in self.request().tag_names() {
            let made = match self.ops.is_for_another(&self.lakefs, &self.row.owner).await {
                false => {
                    fault::before("tag").await;
                    let made = self.lakefs.create_tag(&self.row.repository, &tag, &Ref::from(commit)).await;
                    fault::after("tag").await;
                    made.map(drop).ok()
                }
                // Its owner may not be allowed to.
                true => None,
            };
            let stands = match made {
                Some(()) => true,
                // Of a worker before this one, if it names our commit.
                None => self
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

    /// Leaves the row COMMITTING, says why, and lets whoever asks next go on at once.
    async fn suspend(&mut self, error: Error) {
        tracing::warn!(%error, source = ?std::error::Error::source(&error), "a commit cannot be finished now");
        let failure = Failure {
            reason: Kind::CommitInDoubt.reason().to_owned(),
            message: format!("the commit of transaction {} is not finished ({error}): commit again", self.row.id),
            paths: Vec::new(),
        };
        // The janitor leaves it alone for a while; whoever asks does not have to wait.
        let left_alone = self.row.read_at + millis(self.ops.timing.left_alone);
        let next = self.row.suspended(failure, left_alone);
        if let Err(Stop::Suspended(error)) = self.store("suspended", next).await {
            tracing::error!(%error, "nor can that be stored; its lease will lapse");
        }
    }
}
