//! Step 3: the merge into the base.

use crate::ops::commit_id::commit_id;
use crate::ops::errors::base_of;
use crate::ops::merge_queue::Turn;
use crate::ops::transactions::branches::branch_at;
use crate::ops::transactions::commit_transaction::in_doubt;
use crate::ops::transactions::commit_transaction::resolve::{Line, Resolution, merged};
use crate::ops::transactions::commit_transaction::worker::{Published, Stop, Worker};
use lakeport_lakefs::{self as lakefs, Lakefs, LogQuery, NewMerge};
use lakeport_transactions::{Strategy, Transaction};
use lakeport_types::{BranchName, CommitId, Ref};
use rand::RngExt;
use std::time::{Duration, Instant};

/// How long a worker tries to merge into a base that moves faster or is dirty.
const MERGE_BUDGET: Duration = Duration::from_secs(60);

/// How often a dirty base is tried.
const DIRTY_TRIES: u32 = 3;

/// The pause before a contended merge is sent again; doubled each time, with chance.
const BACKOFF: Duration = Duration::from_secs(1);

impl Worker {
    /// A branch whose head can only be the prepared commit.
    pub(super) async fn merge_source(&mut self) -> Result<BranchName, Stop> {
        if self.request().squash && self.has_several_commits().await? {
            return self.squashed().await;
        }
        if self.row.commit_in_doubt || self.row.merge_in_doubt {
            return self.frozen(self.prepared()?).await;
        }
        Ok(self.row.branch.clone())
    }

    async fn has_several_commits(&self) -> Result<bool, Stop> {
        let stop_at = Some(Ref::from(base_of(&self.row)?));
        let query = LogQuery { amount: 3, first_parent: true, stop_at, ..LogQuery::default() };
        let page = self.lakefs.log(&self.row.repository, &Ref::from(&self.prepared()?), &query).await?;
        // The base commit itself is the last of them.
        Ok(page.results.len() > 2)
    }

    /// A branch of its own for a commit. A late commit of a worker that lost its lease lands on the live branch, not here.
    async fn frozen(&mut self, commit: CommitId) -> Result<BranchName, Stop> {
        let branch = BranchName::for_transaction(self.row.read_at, rand::rng().random());
        self.store("branch named", self.row.with_merge_branch(branch.clone(), &self.ops.worker)).await?;
        self.make_branch(&branch, &commit).await?;
        Ok(branch)
    }

    /// Makes a branch whose random name is stored: one that is there is this very try.
    pub(super) async fn make_branch(&mut self, branch: &BranchName, commit: &CommitId) -> Result<(), Stop> {
        let (name, commit) = (branch.clone(), commit.clone());
        let made = self.change("branch made", async move |lakefs: Lakefs, row: Transaction| {
            branch_at(&lakefs, &row.repository, &name, &commit).await
        });
        Ok(made.await??)
    }

    /// One commit of all: a squash merge into a branch of our own, never into the base, where a repetition would land twice.
    async fn squashed(&mut self) -> Result<BranchName, Stop> {
        let branch = self.frozen(base_of(&self.row)?.clone()).await?;
        let merge =
            NewMerge { message: self.message(), metadata: self.metadata(true), squash: true, ..NewMerge::default() };
        let source = Ref::from(&self.prepared()?);
        let into = branch.clone();
        let squashed = self.change("squash", async move |lakefs: Lakefs, row: Transaction| {
            lakefs.merge(&row.repository, &source, &into, &merge).await
        });
        let head = match squashed.await? {
            Ok(head) => head,
            Err(error) => return Err(self.refused(error).await),
        };
        self.store("squashed", self.row.prepared(commit_id(head)?, &self.ops.worker)).await?;
        Ok(branch)
    }

    /// Step 3: a plain merge into the base, by the name of a branch, in its turn.
    pub(super) async fn merge(&mut self, source: &BranchName) -> Result<Published, Stop> {
        let mut spent = Duration::ZERO;
        let mut dirty = 0;
        for attempt in 1_u32.. {
            // A turn for each try, so that nobody waits for the pauses of another.
            let turn = self.turn().await?;
            let began = Instant::now();
            let error = match self.try_merge(turn, source).await? {
                Ok(commit) => return Ok(Published { commit: commit_id(commit)?, is_merge: true }),
                Err(error) => error,
            };
            if let Some(published) = self.merged_after_all(&error).await? {
                return Ok(published);
            }
            match error.kind() {
                lakefs::Kind::DirtyBranch => dirty += 1,
                lakefs::Kind::Contended => {}
                _ if error.is_ambiguous() => {}
                _ => return Err(self.refused(error).await),
            }
            if dirty >= DIRTY_TRIES {
                return Err(self.refused(error).await);
            }
            let pause = jittered(attempt);
            spent += began.elapsed() + pause;
            if spent > MERGE_BUDGET {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        Err(Stop::Suspended(in_doubt(&self.row.id)))
    }

    /// Waits for the turn of this merge, and keeps the lease meanwhile.
    async fn turn(&mut self) -> Result<Turn, Stop> {
        let (ops, row) = (self.ops.clone(), self.row.clone());
        self.keeping(async move { ops.queues.turn(&ops.store, &row.repository, &row.base_branch).await }).await
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

    /// Whether a merge that answered with an error stands all the same: this one, one before it, or somebody else's.
    async fn merged_after_all(&mut self, error: &lakefs::Error) -> Result<Option<Published>, Stop> {
        if error.is_ambiguous() {
            self.store("merge doubted", self.row.merge_doubted()).await?;
        }
        if self.row.merge_in_doubt
            && let Some(commit) = self.merged().await?
        {
            return Ok(Some(Published { commit, is_merge: true }));
        }
        if error.kind() == lakefs::Kind::NoChanges {
            return self.has_nothing_new().await.map(Some);
        }
        Ok(None)
    }

    /// The base holds all of it. Nothing of it can be merged, or it was merged and then moved out of the base's own line.
    async fn has_nothing_new(&mut self) -> Result<Published, Stop> {
        if self.row.merge_in_doubt {
            let (lakefs, row) = (self.lakefs.clone(), self.row.clone());
            let found = self.keeping(async move { merged(&lakefs, &row, Line::All).await }).await??;
            if let Resolution::Merged(commit) = found {
                return Ok(Published { commit, is_merge: true });
            }
            // One that is still on its way may find something to merge, once the base is another.
            if let Some(commit) = self.fence(None).await? {
                return Ok(Published { commit, is_merge: true });
            }
        }
        Ok(Published { commit: self.base_head().await?, is_merge: false })
    }
}

/// The pause before another try.
pub(super) fn jittered(attempt: u32) -> Duration {
    let factor = f64::from(1_u32 << (attempt - 1).min(3));
    BACKOFF.mul_f64(factor * rand::rng().random_range(0.5..1.0))
}
