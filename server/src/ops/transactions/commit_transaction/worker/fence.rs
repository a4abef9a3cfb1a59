//! The fence: before a transaction returns to OPEN or expires, the worker ensures that no merge request of the commit can
//! still take effect.

use crate::error::Error;
use crate::ops::branches::delete_branches;
use crate::ops::transactions::commit_transaction::worker::{Published, Stop, Worker};
use crate::timing::duration;
use crate::timing::millis;
use lakeport_lakefs::{self as lakefs, Lakefs};
use lakeport_transactions::{Failure, Millis, Transaction};
use lakeport_types::{BranchName, CommitId};
use rand::RngExt;
use std::time::Instant;

impl Worker {
    /// Returns the transaction to OPEN, with this error as the failure of the commit.
    pub(super) async fn reopen(&mut self, error: Error) -> Result<(), Stop> {
        let failure = Failure {
            reason: error.kind().reason().to_owned(),
            message: error.to_string(),
            paths: error.subjects().to_vec(),
        };
        self.reopen_as(failure).await
    }

    /// Passes the fence and returns the transaction to OPEN, on a new branch from the prepared commit. If the fence
    /// finds that the merge took effect, finishes the commit instead.
    pub(super) async fn reopen_as(&mut self, failure: Failure) -> Result<(), Stop> {
        let Some(prepared) = self.row.prepared_commit_id.clone() else {
            // Without a prepared commit no merge was sent, so the live branch stays.
            return self.store("reopened", self.row.reopened(self.row.branch.clone(), failure)).await;
        };
        if let Some(commit) = self.fence(Some(failure.clone())).await? {
            return self.finish(Published { commit, is_merge: true }).await;
        }
        let branch = BranchName::for_transaction(self.row.read_at, rand::rng().random());
        // The name is stored before the branch is created, so that every branch is in a row.
        self.store("branch named", self.row.with_merge_branch(branch.clone(), &self.ops.worker)).await?;
        match self.create_branch(&branch, &prepared).await? {
            // Without its repository, the transaction can only be rolled back.
            Err(error) if error.kind() == lakefs::Kind::RepositoryNotFound => {}
            created => created?,
        }
        self.store("reopened", self.row.reopened(branch, failure)).await
    }

    /// Deletes every branch that a merge could use as its source, waits until no merge in flight can take effect any
    /// more, and then searches for the merge. Returns the merge if it took effect. With a `refusal`, a later worker
    /// continues the same wait.
    pub(super) async fn fence(&mut self, refusal: Option<Failure>) -> Result<Option<CommitId>, Stop> {
        self.change("names deleted", async |lakefs: Lakefs, row: Transaction| delete_branches(&lakefs, &row).await)
            .await??;
        if !self.row.merge_in_doubt {
            return Ok(None);
        }
        // An earlier worker started this wait. No merge request was sent after its start.
        if let Some(until) = self.row.fence_until.filter(|_| refusal.is_some()) {
            self.continue_fence(until).await?;
            return self.find_merge().await;
        }
        let (settle, began) = (self.ops.timing.settle, Instant::now());
        // The wait starts now, after the branches are deleted.
        self.renew().await?;
        let until = self.row.read_at + millis(settle);
        self.store("fenced", self.row.fenced(until, refusal)).await?;
        // The wait must be over by both clocks: the database's clock may be adjusted, and the two clocks may run at
        // different speeds.
        while until > self.row.read_at || began.elapsed() < settle {
            let left = duration(until - self.row.read_at).max(settle.saturating_sub(began.elapsed()));
            self.while_renewing(tokio::time::sleep(left)).await?;
            self.renew().await?;
        }
        self.find_merge().await
    }

    /// Waits for the end of a fence that an earlier worker started. No worker has anything to do before, so the lease ends
    /// with the wait: if this worker dies, another one continues in time.
    async fn continue_fence(&mut self, until: Millis) -> Result<(), Stop> {
        while until > self.row.read_at {
            let next = self.row.leased_until(until);
            self.row = self.ops.store.swap(&self.row, next).await?.ok_or(Stop::Superseded)?;
            tokio::time::sleep(duration(until - self.row.read_at)).await;
            self.renew().await?;
        }
        Ok(())
    }
}
