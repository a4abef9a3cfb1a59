//! Checksums of blobs, in the database.

use super::Lake;
use crate::Result;
use crate::blobs::Checksums;
use quick_cache::Weighter;
use sqlx::{SqliteConnection, SqlitePool};
use std::sync::Arc;

/// Cache of checksums, by blob. The checksums of a blob never change.
pub(super) type Cache = quick_cache::sync::Cache<String, Arc<Checksums>, Weight>;

/// Weighs checksums by their size in memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weight;

/// Capacity of the cache, in bytes.
const CACHED_BYTES: u64 = 4 << 20;
/// Approximate size of the checksums of a small blob, in bytes.
const BASE_BYTES: u64 = 128;

impl Weighter<String, Arc<Checksums>> for Weight {
    fn weight(&self, _: &String, checksums: &Arc<Checksums>) -> u64 {
        BASE_BYTES + checksums.weight()
    }
}

pub(super) fn cache() -> Cache {
    Cache::with_weighter((CACHED_BYTES / BASE_BYTES) as usize, CACHED_BYTES, Weight)
}

impl Lake {
    /// Returns the checksums of a blob, or `None` for a blob of an earlier release that no scrub has verified yet.
    pub(super) async fn checksums(&self, blob: &str) -> Result<Option<Arc<Checksums>>> {
        if let Some(cached) = self.checksums.get(blob) {
            return Ok(Some(cached));
        }
        let found = find(self.store.pool(), blob).await?.map(Arc::new);
        if let Some(checksums) = &found {
            self.checksums.insert(blob.to_owned(), Arc::clone(checksums));
        }
        Ok(found)
    }
}

pub(super) async fn find(pool: &SqlitePool, blob: &str) -> Result<Option<Checksums>> {
    let row: Option<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT size, blocks FROM blobs WHERE id = $1").bind(blob).fetch_optional(pool).await?;
    row.map(|(size, blocks)| Checksums::decode(blob, size, &blocks)).transpose()
}

pub(super) async fn insert(connection: &mut SqliteConnection, blob: &str, checksums: &Checksums) -> Result<()> {
    sqlx::query("INSERT INTO blobs (id, size, blocks) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(blob)
        .bind(checksums.size.cast_signed())
        .bind(checksums.encoded())
        .execute(connection)
        .await?;
    Ok(())
}
