//! Step 2: commits the staged changes on the live branch of the transaction.

use crate::ops::commit_id::commit_id;
use crate::ops::lease::has_base_as_only_parent;
use crate::ops::transactions::commit_transaction::in_doubt;
use crate::ops::transactions::commit_transaction::resolve::prepared_commit;
use crate::ops::transactions::commit_transaction::worker::{Stop, Worker, pause};
use lakeport_lakefs::{self as lakefs, Commit, Lakefs, NewCommit};
use lakeport_transactions::{Inside, Transaction};
use lakeport_types::CommitId;
use std::time::Duration;

/// Maximum number of attempts to commit.
const COMMIT_TRIES: u32 = 5;

/// Unit of the pauses between them.
const BACKOFF: Duration = Duration::from_millis(100);

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
        let mut attempt = 1;
        loop {
            if self.row.commit_in_doubt
                && let Some(found) = self.find_prepared().await?
            {
                return Ok(found);
            }
            let error = match self.try_commit().await? {
                Ok(made) => {
                    let is_first = has_base_as_only_parent(&self.row, &made);
                    return Ok(Prepared { commit: commit_id(made.id)?, is_first });
                }
                Err(error) => error,
            };
            if error.kind() == lakefs::Kind::NoChanges {
                // All changes are already committed, by commits inside the transaction or by an earlier worker.
                return self.existing_commit().await;
            }
            if error.is_lost() {
                self.store("commit doubted", self.row.with_commit_in_doubt()).await?;
            }
            // Even after an error, the commit may exist.
            if let Some(found) = self.find_prepared().await? {
                return Ok(found);
            }
            let may_help = error.is_ambiguous() || error.kind() == lakefs::Kind::Contended;
            if !may_help {
                return Err(self.refused(error).await);
            }
            if attempt == COMMIT_TRIES {
                return Err(if error.is_lost() {
                    Stop::Suspended(in_doubt(&self.row.id))
                } else {
                    self.gave_up(error)
                });
            }
            self.while_renewing(tokio::time::sleep(pause(BACKOFF, attempt))).await?;
            attempt += 1;
        }
    }

    async fn try_commit(&mut self) -> Result<lakefs::Result<Commit>, Stop> {
        let commit = NewCommit { message: self.message(), metadata: self.metadata(true), allow_empty: false };
        self.change("commit", async move |lakefs: Lakefs, row: Transaction| {
            lakefs.commit(&row.repository, &row.branch, &commit).await
        })
        .await
    }

    /// Returns the commit of step 2 in this epoch, if an earlier request made it.
    async fn find_prepared(&mut self) -> Result<Option<Prepared>, Stop> {
        let (lakefs, row) = (self.lakefs.clone(), self.row.clone());
        let found = self.while_renewing(async move { prepared_commit(&lakefs, &row).await }).await??;
        Ok(match found {
            Some(found) => Some(Prepared { commit: commit_id(found.id)?, is_first: false }),
            None => None,
        })
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
