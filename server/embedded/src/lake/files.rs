//! Files of a lake that a server may be using, for scrubs and backups.

use super::gc::gc_lock;
use super::objects::blob_of;
use super::references::{Holder, Reference};
use super::{DATABASE, Repository, checksums, lock};
use crate::blobs::{BlobSource, Blobs};
use crate::store::Store;
use crate::{Error, Result};
use sqlx::SqliteConnection;
use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Files of a lake. Other than a [`Lake`](super::Lake), this does not lock the lake.
pub struct LakeFiles {
    pub(super) dir: PathBuf,
    pub(super) store: Store,
    pub(super) blobs: Blobs,
}

/// Blob to which an object refers.
#[derive(Debug, Clone)]
pub(super) struct Referenced {
    size: u64,
    /// MD5 of the object, unless a client linked the address with another checksum.
    pub(super) md5: Option<[u8; 16]>,
}

/// Repositories, by number.
pub(super) struct Repositories {
    by_number: HashMap<i64, Repository>,
    /// Name and repository of each branch, by its number.
    branches: HashMap<i64, (String, i64)>,
}

/// Pause between two attempts to lock out garbage collection.
const PAUSE: Duration = Duration::from_millis(5);

impl LakeFiles {
    /// Opens the lake in `dir`. Unless a server is using the lake, migrates it from earlier releases.
    ///
    /// # Errors
    /// Returns an error if `dir` contains no lake, or if the server that uses it is of another release.
    pub async fn open(dir: &Path) -> Result<Self> {
        let database = dir.join(DATABASE);
        if !database.exists() {
            return Err(Error::open(format!("{} does not contain {DATABASE}: use --data-dir", dir.display())));
        }
        let store = match Store::open_in_use(&database).await {
            Err(Error::Open(_)) => {
                // Only a migration needs the lock, so that a scrub does not prevent the start of a server.
                let _lock = lock(dir)?;
                Store::open(&database).await?
            }
            opened => opened?,
        };
        Ok(Self { dir: dir.to_owned(), store, blobs: Blobs::at(dir) })
    }

    /// Closes the database.
    pub async fn close(&self) {
        self.store.close().await;
    }

    /// Waits until no garbage collection is running, and prevents it until the result is dropped.
    pub(super) async fn exclude_gc(&self) -> Result<File> {
        let file = gc_lock(&self.dir)?;
        loop {
            match file.try_lock_shared() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(PAUSE).await,
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
        }
    }

    /// Returns the source of a blob, with its checksums.
    pub(super) async fn source(&self, id: &str, blob: &Referenced) -> Result<BlobSource> {
        let checksums = checksums::find(self.store.pool(), id).await?.map(Arc::new);
        Ok(BlobSource { id: id.to_owned(), size: blob.size, checksums })
    }
}

impl Repositories {
    pub(super) async fn read(connection: &mut SqliteConnection) -> Result<Self> {
        let repositories: Vec<Repository> =
            sqlx::query_as("SELECT * FROM repositories").fetch_all(&mut *connection).await?;
        let branches: Vec<(i64, String, i64)> =
            sqlx::query_as("SELECT number, name, repository FROM branches").fetch_all(connection).await?;
        Ok(Self {
            by_number: repositories.into_iter().map(|repository| (repository.number, repository)).collect(),
            branches: branches.into_iter().map(|(number, name, repository)| (number, (name, repository))).collect(),
        })
    }

    /// Returns the repository with this number.
    pub(super) fn get(&self, number: i64) -> Option<&Repository> {
        self.by_number.get(&number)
    }

    /// Returns the repository of a reference. `None` for data of a deleted repository or branch.
    pub(super) fn of(&self, holder: &Holder) -> Option<&Repository> {
        let number = match holder {
            Holder::Branch(branch) => &self.branches.get(branch)?.1,
            Holder::Range { repository, .. } => repository,
        };
        self.by_number.get(number)
    }

    /// Returns the name of a branch.
    pub(super) fn branch(&self, number: i64) -> Option<&str> {
        self.branches.get(&number).map(|(name, _)| name.as_str())
    }

    /// Returns the ID of the blob of a reference. `None` if the bytes are not in a blob of its repository.
    pub(super) fn blob<'a>(&self, reference: &Reference<'a>) -> Option<&'a str> {
        blob_of(self.of(reference.holder)?, &reference.entry.address)
    }
}

impl Referenced {
    pub(super) fn by(reference: &Reference<'_>) -> Self {
        let md5 = hex::decode(&reference.entry.checksum).ok().and_then(|md5| md5.try_into().ok());
        Self { size: reference.entry.size.try_into().unwrap_or_default(), md5 }
    }
}
