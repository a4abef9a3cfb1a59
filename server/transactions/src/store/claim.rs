//! Claims on a store. Only one server can use a SQLite file. Several servers can share a PostgreSQL database.

use super::SessionStore;
use crate::error::{Error, Result};
use std::ffi::OsString;
use std::fs::{File, TryLockError};

/// Claim of this process on a store. Released on drop, and when the process exits.
#[derive(Debug)]
pub struct Claim {
    _lock: Option<File>,
}

impl SessionStore {
    /// Claims the store for the server of this process. Read-only use needs no claim. With a SQLite file, every earlier process is dead.
    ///
    /// # Errors
    /// `InUse` if another server has claimed the SQLite file; `Open` if the lock file cannot be created.
    pub async fn claim(&self, process: &str) -> Result<Claim> {
        let Some(database) = self.database.file().await? else { return Ok(Claim { _lock: None }) };
        let mut name = OsString::from(&database);
        name.push(".lock");
        let unusable = |why: String| Error::Open(format!("{}: {why}", database.display()));
        let lock = File::create(&name).map_err(|error| unusable(format!("{}: {error}", name.display())))?;
        match lock.try_lock() {
            Ok(()) => {
                self.bury_others(process).await?;
                Ok(Claim { _lock: Some(lock) })
            }
            Err(TryLockError::WouldBlock) => Err(Error::InUse(database.display().to_string())),
            Err(TryLockError::Error(error)) => Err(unusable(format!("{}: {error}", name.display()))),
        }
    }
}
