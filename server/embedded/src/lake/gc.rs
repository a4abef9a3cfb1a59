//! Garbage collection of the bytes of overwritten, deleted and abandoned uploads.

use super::Lake;
use super::objects::blob_name;
use super::references::for_each_reference;
use crate::{Error, Result};
use sqlx::SqliteConnection;
use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

/// Result of a garbage collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collected {
    /// Number of blobs that are referenced.
    pub kept: usize,
    /// Number of blobs that were removed.
    pub removed: usize,
}

/// Time between garbage collections of a served lake.
const INTERVAL: Duration = Duration::from_secs(3600);
/// Number of blobs whose checksums one transaction deletes.
const BATCH: usize = 500;

impl Lake {
    /// Removes blobs to which no commit and no staged change refers. It is safe to call this while the lake is in use.
    ///
    /// As in lakeFS, a commit keeps its bytes as long as its repository exists, even if no branch reaches the commit.
    ///
    /// # Errors
    /// Returns an error if a backup of the lake is running, if the metadata is damaged, or if the database or a file
    /// operation fails. Blobs that were removed before the error were unreferenced.
    pub async fn gc(&self) -> Result<Collected> {
        let _no_backup = exclude_backups(&self.dir)?;
        let (unreferenced, kept) = self.unreferenced_blobs().await?;
        self.remove_blobs(&unreferenced.iter().collect::<Vec<_>>()).await?;
        Ok(Collected { kept, removed: unreferenced.len() })
    }

    /// Removes unreferenced blobs every hour, until the future is dropped.
    ///
    /// A blob is removed only if it was already unreferenced one hour before. A reader that has just looked up an object can
    /// therefore still read its bytes.
    pub async fn gc_regularly(&self) {
        let mut candidates = HashSet::new();
        loop {
            tokio::time::sleep(INTERVAL).await;
            match self.gc_candidates(&mut candidates).await {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "removed unreferenced blobs"),
                Err(error) => tracing::warn!(%error, "cannot remove unreferenced blobs; retrying in an hour"),
            }
        }
    }

    /// Removes the candidates that are still unreferenced, and makes the other unreferenced blobs the new candidates.
    async fn gc_candidates(&self, candidates: &mut HashSet<String>) -> Result<usize> {
        let _no_backup = exclude_backups(&self.dir)?;
        let (unreferenced, _) = self.unreferenced_blobs().await?;
        let removed: Vec<&String> = unreferenced.intersection(candidates).collect();
        self.remove_blobs(&removed).await?;
        let removed = removed.len();
        *candidates = unreferenced;
        Ok(removed)
    }

    /// Returns the unreferenced blobs, and the number of referenced blobs.
    async fn unreferenced_blobs(&self) -> Result<(HashSet<String>, usize)> {
        // The blobs are listed before the references are read, so an upload that finishes in between is not taken for unreferenced.
        let mut listed = self.blobs.list().await?;
        let referenced = referenced_blobs(self.store.snapshot().await?.connection()).await?;
        let all = listed.len();
        listed.retain(|blob| !referenced.contains(blob));
        let kept = all - listed.len();
        Ok((listed, kept))
    }

    /// Removes blobs, and then their checksums: if the disk is full, removing a file makes space for the database.
    async fn remove_blobs(&self, blobs: &[&String]) -> Result<()> {
        for blob in blobs {
            self.blobs.remove(blob).await?;
        }
        for batch in blobs.chunks(BATCH) {
            let mut write = self.store.write().await?;
            for blob in batch {
                sqlx::query("DELETE FROM blobs WHERE id = $1").bind(*blob).execute(write.connection()).await?;
            }
            write.commit().await?;
        }
        Ok(())
    }
}

/// Returns the IDs of all blobs to which a commit or a staged change refers.
///
/// # Errors
/// `Damaged` if any node or staged change is: its references are unknown, so no blob may be removed.
pub(super) async fn referenced_blobs(connection: &mut SqliteConnection) -> Result<HashSet<String>> {
    let mut referenced = HashSet::new();
    for_each_reference(connection, |reference| {
        referenced.extend(blob_in(&reference?.entry.address));
        Ok(())
    })
    .await?;
    Ok(referenced)
}

/// Takes the lock that excludes backups: a backup copies blobs that may have become unreferenced since it began.
fn exclude_backups(dir: &Path) -> Result<File> {
    let file = gc_lock(dir)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::BackupRunning),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Opens the file whose lock a garbage collection or the backups hold.
pub(super) fn gc_lock(dir: &Path) -> Result<File> {
    Ok(File::create(dir.join("gc.lock"))?)
}

/// Returns the ID of the blob to which an address of any repository may refer. An address that only looks like a reference
/// keeps a blob without need, which does no harm.
fn blob_in(address: &str) -> Option<String> {
    address.rsplit('/').next().and_then(blob_name).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blobs::BlobSource;

    #[tokio::test]
    async fn an_unreferenced_blob_is_removed_in_the_second_collection() {
        let dir = tempfile::tempdir().unwrap();
        let lake = Lake::open(dir.path()).await.unwrap();
        let publishing = lake.blobs.publishing().await;
        let blob = lake.write_bytes().await.unwrap().finish().await.unwrap();
        let id = blob.id.clone();
        lake.blobs.publish(&publishing, blob).await.unwrap();
        drop(publishing);
        let mut candidates = HashSet::new();
        assert_eq!(lake.gc_candidates(&mut candidates).await.unwrap(), 0);
        let source = || BlobSource { id: id.clone(), size: 0, checksums: None };
        assert!(lake.blobs.open(source(), 0..0).await.unwrap().is_some(), "the first collection removed the blob");
        assert_eq!(lake.gc_candidates(&mut candidates).await.unwrap(), 1);
        assert!(lake.blobs.open(source(), 0..0).await.unwrap().is_none());
    }
}
