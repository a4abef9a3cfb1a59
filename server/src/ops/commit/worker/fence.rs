//! The fence: COMMITTING is left for anything but COMMITTED only once nothing that was sent can land any more.

use super::{Published, Stop, Worker};
use crate::error::Error;
use crate::ops::end::delete_branches;
use crate::ops::settle::{settling, span};
use lakeport_lakefs as lakefs;
use lakeport_session::{Failure, Transaction};
use lakeport_types::{BranchName, CommitId, Ref};
use rand::RngExt;

impl Worker {
    /// The fence, and back to OPEN: on a new branch from the prepared commit, once nothing that was sent can land any more.
    pub(super) async fn reopen(&mut self, error: Error) -> Result<(), Stop> {
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
    pub(super) async fn fence(&mut self) -> Result<Option<CommitId>, Stop> {
        self.renew().await?;
        delete_branches(&self.lakefs, &self.row).await?;
        if self.row.merge_in_doubt {
            // From now, when the names are gone, not from when a worker before this one began to wait.
            self.renew().await?;
            let until = self.row.read_at + settling(&self.ops);
            self.store(Transaction { fence_until: Some(until), ..self.row.clone() }).await?;
            let mut left = until - self.row.read_at;
            while left > 0 {
                // In pieces, so that the lease never lapses meanwhile.
                let nap = left.min(lakeport_session::LEASE / 3);
                tokio::time::sleep(span(nap)).await;
                self.renew().await?;
                left = until - self.row.read_at;
            }
            return self.merged().await;
        }
        Ok(None)
    }
}
