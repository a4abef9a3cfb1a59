//! Whose store it is: a file of SQLite is of one server, a PostgreSQL of all that share it.

use super::SessionStore;
use crate::error::{Error, Result};
use std::ffi::OsString;
use std::fs::{File, TryLockError};

/// A store that is this process's own, or shared by right. It is given back when dropped, however the process ends.
#[derive(Debug)]
pub struct Claim {
    _lock: Option<File>,
}

impl SessionStore {
    /// Takes the store for the server of this process. Who only looks at it needs no claim.
    ///
    /// # Errors
    /// When another server has it, and one alone may; when the file that says so cannot be made.
    pub async fn claim(&self) -> Result<Claim> {
        let Some(database) = self.database.file().await? else { return Ok(Claim { _lock: None }) };
        let mut name = OsString::from(&database);
        name.push(".lock");
        let unusable = |why: String| Error::Open(format!("{}: {why}", database.display()));
        let lock = File::create(&name).map_err(|error| unusable(format!("{}: {error}", name.display())))?;
        match lock.try_lock() {
            Ok(()) => Ok(Claim { _lock: Some(lock) }),
            Err(TryLockError::WouldBlock) => Err(Error::InUse(database.display().to_string())),
            Err(TryLockError::Error(error)) => Err(unusable(format!("{}: {error}", name.display()))),
        }
    }
}
