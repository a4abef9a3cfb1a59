//! Turns of replicas to merge into one base branch, by advisory locks of PostgreSQL: its lock queue is fair, needs no polling, and
//! releases the lock of a dead replica with its connection. Turns save work; correctness does not depend on them.

use super::SessionStore;
use crate::statement::Statement;
use lakeport_types::{BranchName, RepositoryId};
use sqlx::{Any, Transaction};

/// The turn of this replica. It ends when dropped.
#[derive(Debug)]
pub struct BaseTurn {
    /// The end of this database transaction releases the lock.
    _lock: Transaction<'static, Any>,
}

impl SessionStore {
    /// Waits for the turn of this replica to merge into a base branch, at most 5 s. Returns `None` for SQLite, which has one replica,
    /// and if the database fails.
    pub async fn base_turn(&self, repository: &RepositoryId, base: &BranchName) -> Option<BaseTurn> {
        let turns = self.database.turns.as_ref()?;
        let taken = async {
            let mut lock = turns.begin().await?;
            let name = format!("lakeport/{repository}/{base}");
            let wait = Statement::new("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))").bind(name);
            wait.query()?.execute(&mut *lock).await?;
            Ok::<_, sqlx::Error>(BaseTurn { _lock: lock })
        };
        match taken.await {
            Ok(turn) => Some(turn),
            Err(error) => {
                tracing::debug!(%error, "merging without a turn among replicas");
                None
            }
        }
    }
}
