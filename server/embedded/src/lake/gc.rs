//! Garbage collection of the bytes of overwritten, deleted and abandoned uploads.

use super::Lake;
use super::objects::blob_name;
use crate::Result;
use crate::tree::{Entry, Range};
use futures_util::TryStreamExt;
use sqlx::Row;
use std::collections::HashSet;
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

impl Lake {
    /// Removes blobs to which no commit and no staged change refers. It is safe to call this while the lake is in use.
    ///
    /// As in lakeFS, a commit keeps its bytes as long as its repository exists, even if no branch reaches the commit.
    ///
    /// # Errors
    /// Returns an error if the database or a file operation fails. Blobs that were removed before the error were unreferenced.
    pub async fn gc(&self) -> Result<Collected> {
        let (unreferenced, kept) = self.unreferenced_blobs().await?;
        for blob in &unreferenced {
            self.blobs.remove(blob).await?;
        }
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
        let (unreferenced, _) = self.unreferenced_blobs().await?;
        let mut removed = 0;
        for blob in unreferenced.intersection(candidates) {
            self.blobs.remove(blob).await?;
            removed += 1;
        }
        *candidates = unreferenced;
        Ok(removed)
    }

    /// Returns the unreferenced blobs, and the number of referenced blobs.
    async fn unreferenced_blobs(&self) -> Result<(HashSet<String>, usize)> {
        // The blobs are listed before the references are read, so an upload that finishes in between is not taken for unreferenced.
        let mut listed = self.blobs.list().await?;
        let referenced = self.referenced_blobs().await?;
        let all = listed.len();
        listed.retain(|blob| !referenced.contains(blob));
        let kept = all - listed.len();
        Ok((listed, kept))
    }

    async fn referenced_blobs(&self) -> Result<HashSet<String>> {
        let mut referenced = HashSet::new();
        let mut snapshot = self.store.snapshot().await?;
        let mut staged = sqlx::query("SELECT entry FROM staging WHERE entry IS NOT NULL").fetch(snapshot.connection());
        while let Some(row) = staged.try_next().await? {
            let entry: Entry = postcard::from_bytes(row.try_get("entry")?)?;
            referenced.extend(blob_in(&entry.address));
        }
        drop(staged);
        let mut nodes = sqlx::query("SELECT data FROM nodes WHERE is_range").fetch(snapshot.connection());
        while let Some(row) = nodes.try_next().await? {
            let range: Range = postcard::from_bytes(row.try_get("data")?)?;
            referenced.extend(range.iter().filter_map(|(_, entry)| blob_in(&entry.address)));
        }
        Ok(referenced)
    }
}

/// Returns the ID of the blob to which an address of any repository may refer. An address that only looks like a reference
/// keeps a blob without need, which does no harm.
fn blob_in(address: &str) -> Option<String> {
    address.rsplit('/').next().and_then(blob_name).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(lake.blobs.read(&id).await.unwrap().is_some(), "the first collection removed the blob");
        assert_eq!(lake.gc_candidates(&mut candidates).await.unwrap(), 1);
        assert!(lake.blobs.read(&id).await.unwrap().is_none());
    }
}
