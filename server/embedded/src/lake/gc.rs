//! Removes what nothing names any more: the bytes of overwritten, deleted and dropped uploads.

use super::Lake;
use super::objects::blob_name;
use crate::Result;
use crate::tree::{Entry, Range};
use futures_util::TryStreamExt;
use sqlx::Row;
use std::collections::HashSet;
use std::time::Duration;

/// What a collection did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collected {
    /// Blobs that something names.
    pub kept: usize,
    /// Blobs that were removed.
    pub removed: usize,
}

/// How often a lake that is served looks for what nothing names.
const INTERVAL: Duration = Duration::from_secs(3600);

impl Lake {
    /// Removes blobs that no commit and no staged change names. Safe while the lake is in use.
    ///
    /// A commit keeps its bytes for as long as its repository lives, reachable from a branch or not, as in lakeFS.
    ///
    /// # Errors
    /// When the database or a file fails; what is removed until then was garbage.
    pub async fn gc(&self) -> Result<Collected> {
        let (unnamed, kept) = self.unnamed_blobs().await?;
        for blob in &unnamed {
            self.blobs.remove(blob).await?;
        }
        Ok(Collected { kept, removed: unnamed.len() })
    }

    /// Removes such blobs from time to time, for as long as it is polled. Each is first condemned and goes a round later, so that
    /// a reader who has just looked up an object still finds its bytes.
    pub async fn gc_regularly(&self) {
        let mut condemned = HashSet::new();
        loop {
            tokio::time::sleep(INTERVAL).await;
            match self.gc_condemned(&mut condemned).await {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "bytes that nothing names were removed"),
                Err(error) => tracing::warn!(%error, "bytes that nothing names cannot be removed now"),
            }
        }
    }

    /// Removes what is condemned and still has no name, and condemns what else has none.
    async fn gc_condemned(&self, condemned: &mut HashSet<String>) -> Result<usize> {
        let (unnamed, _) = self.unnamed_blobs().await?;
        let mut removed = 0;
        for blob in unnamed.intersection(condemned) {
            self.blobs.remove(blob).await?;
            removed += 1;
        }
        *condemned = unnamed;
        Ok(removed)
    }

    /// The blobs that nothing names, and how many have a name.
    async fn unnamed_blobs(&self) -> Result<(HashSet<String>, usize)> {
        // In this order: whatever is listed has its name in the database by now, or never gets one.
        let mut listed = self.blobs.list().await?;
        let named = self.named_blobs().await?;
        let all = listed.len();
        listed.retain(|blob| !named.contains(blob));
        let kept = all - listed.len();
        Ok((listed, kept))
    }

    async fn named_blobs(&self) -> Result<HashSet<String>> {
        let mut named = HashSet::new();
        let mut snapshot = self.store.snapshot().await?;
        let mut staged = sqlx::query("SELECT entry FROM staging WHERE entry IS NOT NULL").fetch(snapshot.connection());
        while let Some(row) = staged.try_next().await? {
            let entry: Entry = postcard::from_bytes(row.try_get("entry")?)?;
            named.extend(blob_in(&entry.address));
        }
        drop(staged);
        let mut nodes = sqlx::query("SELECT data FROM nodes WHERE is_range").fetch(snapshot.connection());
        while let Some(row) = nodes.try_next().await? {
            let range: Range = postcard::from_bytes(row.try_get("data")?)?;
            named.extend(range.iter().filter_map(|(_, entry)| blob_in(&entry.address)));
        }
        Ok(named)
    }
}

/// The blob that an address may name, in whatever repository: too much is kept rather than too little.
fn blob_in(address: &str) -> Option<String> {
    address.rsplit('/').next().and_then(blob_name).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_has_no_name_is_condemned_first_and_goes_a_round_later() {
        let dir = tempfile::tempdir().unwrap();
        let lake = Lake::open(dir.path()).await.unwrap();
        let publishing = lake.blobs.publishing().await;
        let blob = lake.write_bytes().await.unwrap().finish().await.unwrap();
        let id = blob.id.clone();
        lake.blobs.publish(&publishing, blob).await.unwrap();
        drop(publishing);
        let mut condemned = HashSet::new();
        assert_eq!(lake.gc_condemned(&mut condemned).await.unwrap(), 0);
        assert!(lake.blobs.read(&id).await.unwrap().is_some(), "it was removed under a reader");
        assert_eq!(lake.gc_condemned(&mut condemned).await.unwrap(), 1);
        assert!(lake.blobs.read(&id).await.unwrap().is_none());
    }
}
