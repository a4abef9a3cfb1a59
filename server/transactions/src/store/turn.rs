//! Turns at one base, between replicas. PostgreSQL has a fair queue of its own for that, its advisory locks: nobody has to look
//! again and again, and a replica that dies lets go with its connection. A turn saves work; nothing relies on it.

use super::SessionStore;
use super::statement::Statement;
use lakeport_types::{BranchName, RepositoryId};
use sqlx::{Any, Transaction};

/// The turn of this replica. Over when it is dropped.
#[derive(Debug)]
pub struct BaseTurn {
    /// The lock is let go with the end of the database's transaction.
    _lock: Transaction<'static, Any>,
}

impl SessionStore {
    /// Waits, some seconds at most, for the turn of this replica to merge into a base. `None` where no other replica can be, and
    /// where the database cannot say.
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
                tracing::debug!(%error, "a merge goes on without its turn among replicas");
                None
            }
        }
    }
}
