//! The fence: COMMITTING is left for anything but COMMITTED only once nothing that was sent can land any more.

use crate::error::Error;
use crate::ops::transactions::branches::delete_branches;
use crate::ops::transactions::commit_transaction::worker::{Published, Stop, Worker};
use crate::timing::duration;
use crate::timing::millis;
use lakeport_lakefs::Lakefs;
use lakeport_transactions::{Failure, Transaction};
use lakeport_types::{BranchName, CommitId};
use rand::RngExt;
use std::time::{Duration, Instant};

impl Worker {
    /// Back to OPEN, for what went wrong.
    pub(super) async fn reopen(&mut self, error: Error) -> Result<(), Stop> {
        let failure = Failure {
            reason: error.kind().reason().to_owned(),
            message: error.to_string(),
            paths: error.subjects().to_vec(),
        };
        self.reopen_as(failure).await
    }

    /// The fence, and back to OPEN: on a new branch from the prepared commit, once nothing that was sent can land any more.
    pub(super) async fn reopen_as(&mut self, failure: Failure) -> Result<(), Stop> {
        let Some(prepared) = self.row.prepared_commit_id.clone() else {
            // Nothing was committed, so nothing can be merged: the live branch stays.
            return self.store("reopened", self.row.reopened(self.row.branch.clone(), failure)).await;
        };
        if let Some(commit) = self.fence(Some(failure.clone())).await? {
            return self.finish(Published { commit, is_merge: true }).await;
        }
        let branch = BranchName::for_transaction(self.row.read_at, rand::rng().random());
        // Stored before it is made, so that no branch is unknown.
        self.store("branch named", self.row.with_merge_branch(branch.clone(), &self.ops.worker)).await?;
        self.make_branch(&branch, &prepared).await?;
        self.store("reopened", self.row.reopened(branch, failure)).await
    }

    /// Takes away every name that a merge could use, waits until one that is under way has landed or cannot, and looks once
    /// more. Says what was merged after all. With a refusal, whoever comes after this worker waits on from here.
    pub(super) async fn fence(&mut self, refusal: Option<Failure>) -> Result<Option<CommitId>, Stop> {
        self.change("names deleted", async |lakefs: Lakefs, row: Transaction| delete_branches(&lakefs, &row).await)
            .await??;
        if !self.row.merge_in_doubt {
            return Ok(None);
        }
        let (settle, began) = (self.ops.timing.settle, Instant::now());
        let (until, at_least) = match self.row.fence_until {
            // Since then, nothing was sent.
            Some(until) if refusal.is_some() => (until, Duration::ZERO),
            _ => {
                // From now, when the names are gone.
                self.renew().await?;
                let until = self.row.read_at + millis(settle);
                self.store("fenced", self.row.fenced(until, refusal)).await?;
                (until, settle)
            }
        };
        // By the clock of the database, which may not go as ours does, and by ours, since that one may be set.
        while until > self.row.read_at || began.elapsed() < at_least {
            let left = duration(until - self.row.read_at).max(at_least.saturating_sub(began.elapsed()));
            self.keeping(tokio::time::sleep(left)).await?;
            self.renew().await?;
        }
        self.merged().await
    }
}
