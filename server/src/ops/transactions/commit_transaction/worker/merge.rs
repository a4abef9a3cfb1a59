//! Step 3: the merge into the base.

use crate::ops::branches::create_branch_at;
use crate::ops::commit_id::commit_id;
use crate::ops::errors::base_of;
use crate::ops::merge_queue::Turn;
use crate::ops::transactions::commit_transaction::in_doubt;
use crate::ops::transactions::commit_transaction::resolve::{History, Resolution, find_merge};
use crate::ops::transactions::commit_transaction::worker::{Published, Stop, Worker, pause};
use lakeport_lakefs::{self as lakefs, Lakefs, LogQuery, NewMerge};
use lakeport_transactions::{Strategy, Transaction};
use lakeport_types::{BranchName, CommitId, Ref};
use rand::RngExt;
use std::time::{Duration, Instant};

/// Maximum time for attempts to merge into a contended or dirty base, without the time in the merge queue.
const MERGE_BUDGET: Duration = Duration::from_secs(60);

/// Number of attempts to merge into a dirty base. Other writers may commit their changes in between.
const DIRTY_TRIES: u32 = 4;

/// Number of attempts at a request that lakeFS fails at.
const FAILED_TRIES: u32 = 5;

/// Unit of the pauses after a lost response, and in a contended base.
const BACKOFF: Duration = Duration::from_secs(1);

/// Unit of the pauses after other responses of lakeFS.
const SHORT_BACKOFF: Duration = Duration::from_millis(100);

impl Worker {
    /// Returns the branch to merge from, whose head can only be the prepared commit.
    pub(super) async fn merge_source(&mut self) -> Result<BranchName, Stop> {
        if self.request().squash && self.has_several_commits().await? {
            return self.squash().await;
        }
        if self.row.commit_in_doubt || self.row.merge_in_doubt {
            return self.new_branch_at(self.prepared()?).await;
        }
        Ok(self.row.branch.clone())
    }

    async fn has_several_commits(&self) -> Result<bool, Stop> {
        let stop_at = Some(Ref::from(base_of(&self.row)?));
        let query = LogQuery { amount: 3, first_parent: true, stop_at, ..LogQuery::default() };
        let page = self.lakefs.log(&self.row.repository, &Ref::from(&self.prepared()?), &query).await?;
        // The page includes the base commit.
        Ok(page.results.len() > 2)
    }

    /// Creates a new branch at a commit. A late commit of a worker that lost its lease changes the live branch, not
    /// this one.
    async fn new_branch_at(&mut self, commit: CommitId) -> Result<BranchName, Stop> {
        let branch = BranchName::for_transaction(self.row.read_at, rand::rng().random());
        self.store("branch named", self.row.with_merge_branch(branch.clone(), &self.ops.worker)).await?;
        match self.create_branch(&branch, &commit).await? {
            Ok(()) => Ok(branch),
            Err(error) => Err(self.refused(error).await),
        }
    }

    /// Creates a branch whose random name is stored in the row. If the branch exists, an earlier request
    /// created it.
    pub(super) async fn create_branch(
        &mut self,
        branch: &BranchName,
        commit: &CommitId,
    ) -> Result<lakefs::Result<()>, Stop> {
        let (name, commit) = (branch.clone(), commit.clone());
        self.change("branch made", async move |lakefs: Lakefs, row: Transaction| {
            create_branch_at(&lakefs, &row.repository, &name, &commit).await
        })
        .await
    }

    /// Squashes all commits of the transaction into one, on a new branch from the base commit. A squash merge directly
    /// into the base could take effect twice if it is retried.
    async fn squash(&mut self) -> Result<BranchName, Stop> {
        let merge =
            NewMerge { message: self.message(), metadata: self.metadata(true), squash: true, ..NewMerge::default() };
        let source = Ref::from(&self.prepared()?);
        let mut attempt = 1;
        loop {
            // An earlier attempt may have changed its branch, so each attempt has its own.
            let branch = self.new_branch_at(base_of(&self.row)?.clone()).await?;
            let (merge, source, into) = (merge.clone(), source.clone(), branch.clone());
            let squashed = self.change("squash", async move |lakefs: Lakefs, row: Transaction| {
                lakefs.merge(&row.repository, &source, &into, &merge).await
            });
            let error = match squashed.await? {
                Ok(head) => {
                    self.store("squashed", self.row.prepared(commit_id(head)?, &self.ops.worker)).await?;
                    return Ok(branch);
                }
                Err(error) => error,
            };
            if error.is_lost() || !error.is_ambiguous() {
                return Err(self.refused(error).await);
            }
            if attempt == FAILED_TRIES {
                return Err(self.gave_up(error));
            }
            self.while_renewing(tokio::time::sleep(pause(SHORT_BACKOFF, attempt))).await?;
            attempt += 1;
        }
    }

    /// Step 3: merges a branch into the base when it is this commit's turn. The source is a branch name, so that
    /// deleting the branch stops the merge.
    pub(super) async fn merge(&mut self, source: &BranchName) -> Result<Published, Stop> {
        let mut spent = Duration::ZERO;
        let (mut dirty, mut failed) = (0, 0);
        for attempt in 1_u32.. {
            // Each attempt gets its own turn, so that other commits do not wait during the pauses.
            let turn = self.turn().await?;
            let began = Instant::now();
            let error = match self.try_merge(turn, source).await? {
                Ok(commit) => return Ok(Published { commit: commit_id(commit)?, is_merge: true }),
                Err(error) => error,
            };
            if let Some(published) = self.published_despite(&error).await? {
                return Ok(published);
            }
            let mut unit = BACKOFF;
            match error.kind() {
                lakefs::Kind::Contended => {}
                _ if error.is_lost() => {}
                lakefs::Kind::DirtyBranch if dirty + 1 < DIRTY_TRIES => (dirty, unit) = (dirty + 1, SHORT_BACKOFF),
                _ if error.is_ambiguous() && failed + 1 < FAILED_TRIES => (failed, unit) = (failed + 1, SHORT_BACKOFF),
                _ if error.is_ambiguous() => return Err(self.gave_up(error)),
                _ => return Err(self.refused(error).await),
            }
            let pause = pause(unit, attempt);
            spent += began.elapsed() + pause;
            if spent > MERGE_BUDGET {
                break;
            }
            self.while_renewing(tokio::time::sleep(pause)).await?;
        }
        Err(Stop::Suspended(in_doubt(&self.row.id)))
    }

    /// Waits for the turn of this merge. Renews the lease during the wait.
    async fn turn(&mut self) -> Result<Turn, Stop> {
        let (ops, row) = (self.ops.clone(), self.row.clone());
        self.while_renewing(async move { ops.queues.turn(&ops.store, &row.repository, &row.base_branch).await }).await
    }

    async fn try_merge(&mut self, turn: Turn, source: &BranchName) -> Result<lakefs::Result<String>, Stop> {
        let (merge, source) = (self.plain_merge(), Ref::from(source));
        self.change("merge", async move |lakefs: Lakefs, row: Transaction| {
            turn.spend(lakefs.merge(&row.repository, &source, &row.base_branch, &merge)).await
        })
        .await
    }

    fn plain_merge(&self) -> NewMerge {
        let strategy = match self.request().strategy {
            Strategy::Fail => lakefs::Strategy::Fail,
            Strategy::SourceWins => lakefs::Strategy::SourceWins,
            Strategy::DestinationWins => lakefs::Strategy::DestinationWins,
        };
        NewMerge { message: self.message(), metadata: self.metadata(false), strategy, ..NewMerge::default() }
    }

    /// Returns the published commit if the transaction was merged although this request failed: by this request, by an
    /// earlier one, or by another user's merge of the same changes.
    async fn published_despite(&mut self, error: &lakefs::Error) -> Result<Option<Published>, Stop> {
        if error.is_lost() {
            self.store("merge doubted", self.row.with_merge_in_doubt()).await?;
        }
        // lakeFS may report an error after the merge.
        let is_unclear =
            error.is_ambiguous() || matches!(error.kind(), lakefs::Kind::HookRejected | lakefs::Kind::Failed);
        if (self.row.merge_in_doubt || is_unclear)
            && let Some(commit) = self.find_merge().await?
        {
            return Ok(Some(Published { commit, is_merge: true }));
        }
        if error.kind() == lakefs::Kind::NoChanges {
            return self.published_without_changes().await.map(Some);
        }
        Ok(None)
    }

    /// Handles a base that already contains all changes. Either there is nothing to merge, or the merge took effect and
    /// is no longer among the first parents of the base.
    pub(super) async fn published_without_changes(&mut self) -> Result<Published, Stop> {
        if self.row.merge_in_doubt {
            let (lakefs, row) = (self.lakefs.clone(), self.row.clone());
            let found = self.while_renewing(async move { find_merge(&lakefs, &row, History::All).await }).await??;
            if let Resolution::Merged(commit) = found {
                return Ok(Published { commit, is_merge: true });
            }
            // If the base changes, a merge in flight may find changes to merge.
            if let Some(commit) = self.fence(None).await? {
                return Ok(Published { commit, is_merge: true });
            }
        }
        Ok(Published { commit: self.base_head().await?, is_merge: false })
    }
}
