//! Step 2: commits the staged changes on the live branch of the transaction.

use crate::ops::commit_id::commit_id;
use crate::ops::lease::has_base_as_only_parent;
use crate::ops::transactions::commit_transaction::in_doubt;
use crate::ops::transactions::commit_transaction::resolve::prepared_commit;
use crate::ops::transactions::commit_transaction::worker::merge::jittered;
use crate::ops::transactions::commit_transaction::worker::{Stop, Worker};
use lakeport_lakefs::{self as lakefs, Lakefs, NewCommit};
use lakeport_transactions::{Inside, Transaction};
use lakeport_types::CommitId;

/// Number of attempts to commit while responses are lost or lakeFS is contended.
const COMMIT_TRIES: u32 = 3;

/// The commit to merge.
pub(super) struct Prepared {
    pub(super) commit: CommitId,
    /// Whether its only parent is the base commit. lakeFS creates no empty commit here, so such a commit has changes to
    /// merge.
    pub(super) is_first: bool,
}

impl Worker {
    /// Step 2: commits the staged changes, or finds their commit.
    pub(super) async fn prepare(&mut self) -> Result<Prepared, Stop> {
        let commit = NewCommit { message: self.message(), metadata: self.metadata(true), allow_empty: false };
        for _ in 0..COMMIT_TRIES {
            if self.row.commit_in_doubt
                && let Some(found) = prepared_commit(&self.lakefs, &self.row).await?
            {
                return Ok(Prepared { commit: commit_id(found.id)?, is_first: false });
            }
            let commit = commit.clone();
            let sent = self.change("commit", async move |lakefs: Lakefs, row: Transaction| {
                lakefs.commit(&row.repository, &row.branch, &commit).await
            });
            let error = match sent.await? {
                Ok(made) => {
                    let is_first = has_base_as_only_parent(&self.row, &made);
                    return Ok(Prepared { commit: commit_id(made.id)?, is_first });
                }
                Err(error) => error,
            };
            match error.kind() {
                // All changes are already committed, by commits inside the transaction or by an earlier worker.
                lakefs::Kind::NoChanges => return self.existing_commit().await,
                _ if error.is_ambiguous() => {
                    self.store("commit doubted", self.row.with_commit_in_doubt()).await?;
                }
                lakefs::Kind::Contended => tokio::time::sleep(jittered(1)).await,
                _ => return Err(self.refused(error).await),
            }
        }
        // The last attempt may have succeeded, too.
        match prepared_commit(&self.lakefs, &self.row).await? {
            Some(found) => Ok(Prepared { commit: commit_id(found.id)?, is_first: false }),
            None => Err(Stop::Suspended(in_doubt(&self.row.id))),
        }
    }

    /// Returns the head of the live branch. If the live branch is the merge source and the row stores a commit inside the
    /// transaction, that commit is the head. No request is needed then.
    async fn existing_commit(&self) -> Result<Prepared, Stop> {
        let is_merged_by_name = self.request().merge && !self.request().squash && !self.row.commit_in_doubt;
        match self.row.inside.clone().filter(|_| is_merged_by_name) {
            Some(Inside { commit, is_first }) => Ok(Prepared { commit, is_first }),
            None => Ok(Prepared { commit: self.head_of_live().await?, is_first: false }),
        }
    }

    async fn head_of_live(&self) -> Result<CommitId, Stop> {
        let branch = self.lakefs.branch(&self.row.repository, &self.row.branch).await?;
        Ok(commit_id(branch.commit_id)?)
    }
}
