//! Removes what nothing names any more: the bytes of overwritten, deleted and dropped uploads.

use super::Lake;
use super::objects::blob_name;
use crate::Result;
use crate::tree::{Entry, Range};
use futures_util::TryStreamExt;
use sqlx::Row;
use std::collections::HashSet;

/// What a collection did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collected {
    /// Blobs that something names.
    pub kept: usize,
    /// Blobs that were removed.
    pub removed: usize,
}

impl Lake {
    /// Removes blobs that no commit and no staged change names. Safe while the lake is in use.
    ///
    /// A commit keeps its bytes for as long as its repository lives, reachable from a branch or not, as in lakeFS.
    ///
    /// # Errors
    /// When the database or a file fails; what is removed until then was garbage.
    pub async fn gc(&self) -> Result<Collected> {
        // In this order: whatever is listed has its name in the database by now, or never gets one.
        let listed = self.blobs.list().await?;
        let named = self.named_blobs().await?;
        let mut removed = 0;
        for blob in listed.difference(&named) {
            self.blobs.remove(blob).await?;
            removed += 1;
        }
        Ok(Collected { kept: listed.len() - removed, removed })
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
