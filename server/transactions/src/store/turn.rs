//! Merge turns: one replica at a time merges into a base branch. Turns only save work; correctness does not depend on them.
//!
//! A turn is an advisory lock of PostgreSQL. The lock queue is fair and needs no polling. PostgreSQL releases the lock of a dead replica
//! when it closes the connection.

use super::SessionStore;
use crate::statement::Statement;
use lakeport_types::{BranchName, RepositoryId};
use sqlx::{Any, Transaction};

/// Turn of this replica. Released on drop.
#[derive(Debug)]
pub struct BaseTurn {
    /// The end of this database transaction releases the lock.
    _lock: Transaction<'static, Any>,
}

impl SessionStore {
    /// Waits until this replica may merge into a base branch: at most 1 s for a connection, and 5 s for the lock. Returns `None` after a
    /// timeout, if the database fails, and for SQLite, which supports only one replica.
    pub async fn base_turn(&self, repository: &RepositoryId, base: &BranchName) -> Option<BaseTurn> {
        let turns = self.database.turns.as_ref()?;
        let turn = async {
            let mut lock = turns.begin().await?;
            let name = format!("lakeport/{repository}/{base}");
            let wait = Statement::new("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))").bind(name);
            wait.query()?.execute(&mut *lock).await?;
            Ok::<_, sqlx::Error>(BaseTurn { _lock: lock })
        };
        match turn.await {
            Ok(turn) => Some(turn),
            Err(error) => {
                tracing::debug!(%error, "cannot get a merge turn; merging without one");
                None
            }
        }
    }
}
