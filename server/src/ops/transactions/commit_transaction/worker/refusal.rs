//! Handling of definite errors of lakeFS during a commit.

use crate::error::{Error, Kind};
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
        let (base, id) = (&self.row.base_branch, &self.row.id);
        match error.kind() {
            lakefs::Kind::DirtyBranch => Stop::Failed(Error::new(
                Kind::BaseDirty,
                format!("base branch {base} has uncommitted changes: commit or reset them, then commit again"),
            )),
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
            lakefs::Kind::BranchNotFound => self.branch_is_gone().await,
            lakefs::Kind::PermissionDenied | lakefs::Kind::InvalidArgument => Stop::Failed(error.into()),
            lakefs::Kind::Unauthenticated => match self.caller().explain(error.into()).await {
                error if error.kind() == Kind::PermissionDenied => Stop::Failed(error),
                error => Stop::Suspended(error),
            },
            _ => Stop::Suspended(error.into()),
        }
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
