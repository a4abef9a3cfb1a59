//! Handling of definite errors of lakeFS during a commit.

use crate::error::{Error, Kind};
use crate::ops::dirty_branch::dirty_branch;
use crate::ops::errors::{keeps_failing, no_repository};
use crate::ops::transactions::commit_transaction::worker::{Stop, Worker};
use crate::ops::transactions::commit_transaction::{NAMED_CONFLICTS, conflict};
use crate::ops::transactions::list_transaction_changes::changes_of;
use lakeport_lakefs as lakefs;
use lakeport_types::Prefix;

impl Worker {
    /// Converts a definite error of lakeFS to the reason for which the worker stops.
    pub(super) async fn refused(&mut self, error: lakefs::Error) -> Stop {
        if error.kind() == lakefs::Kind::MergeConflict {
            return self.conflict().await.map_or_else(|stop| stop, Stop::Failed);
        }
        let id = &self.row.id;
        match error.kind() {
            lakefs::Kind::DirtyBranch => self.dirty_base().await.map_or_else(|stop| stop, Stop::Failed),
            lakefs::Kind::HookRejected if error.is_ambiguous() => self.gave_up(error),
            lakefs::Kind::HookRejected => Stop::Failed(Error::new(Kind::HookRejected, error.to_string())),
            lakefs::Kind::BranchProtected => Stop::Failed(Error::new(
                Kind::BranchProtected,
                format!(
                    "lakeFS: {error}; transaction {id} is open again: change the branch protection and commit again, or roll back"
                ),
            )),
            lakefs::Kind::RepositoryReadOnly => Stop::Failed(Error::new(
                Kind::RepositoryReadOnly,
                format!(
                    "repository {} is read-only: roll back, or commit again when it accepts writes",
                    self.row.repository
                ),
            )),
            lakefs::Kind::RepositoryNotFound => Stop::Failed(no_repository(&self.row.repository)),
            lakefs::Kind::BranchNotFound | lakefs::Kind::NotFound => self.branch_is_gone().await,
            // lakeFS's cache can miss a commit for minutes.
            lakefs::Kind::CommitNotFound => Stop::Suspended(error.into()),
            lakefs::Kind::Unauthenticated => match self.caller().explain(error.into()).await {
                error if error.kind() == Kind::PermissionDenied => Stop::Failed(error),
                error => Stop::Suspended(error),
            },
            _ if error.retry() == lakefs::Retry::Never => Stop::Failed(error.into()),
            _ => Stop::Suspended(error.into()),
        }
    }

    /// Returns the reason for which the worker stops if lakeFS keeps failing at a request that had no effect.
    pub(super) fn gave_up(&self, error: lakefs::Error) -> Stop {
        let next = format!("transaction {} is open again: fix the cause and commit again, or roll back", self.row.id);
        Stop::Failed(keeps_failing(error, &next))
    }

    async fn dirty_base(&mut self) -> Result<Error, Stop> {
        let (lakefs, row) = (self.lakefs.clone(), self.row.clone());
        self.while_renewing(async move { dirty_branch(&lakefs, &row.repository, &row.base_branch).await }).await
    }

    /// Handles a missing branch: the base, or the transaction's own.
    async fn branch_is_gone(&self) -> Stop {
        match self.base_head().await {
            Err(stop) => stop,
            Ok(_) => Stop::Failed(Error::new(
                Kind::RefNotFound,
                format!("the branch of transaction {} and its writes were deleted: roll back", self.row.id),
            )),
        }
    }

    async fn conflict(&mut self) -> Result<Error, Stop> {
        let (ops, caller, row) = (self.ops.clone(), self.caller(), self.row.clone());
        let conflicts = async move {
            let changes = changes_of(&ops, &caller, &row, Prefix::default()).await?;
            changes.conflicts(&ops, NAMED_CONFLICTS).await
        };
        // The merge has conflicts, even if the paths cannot be listed now.
        let found = self.while_renewing(conflicts).await?.unwrap_or_default();
        Ok(conflict(self.row.base_branch.as_str(), found))
    }
}
