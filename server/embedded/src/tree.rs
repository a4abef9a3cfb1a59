//! The committed state of a repository: a sorted map from key to [`Entry`], kept as content-addressed *ranges* (runs of
//! entries) under a *metarange* (the list of the ranges). The idea is lakeFS's own.
//!
//! A range ends behind a key whose hash says so, whatever came before, so the same entries always make the same ranges and
//! the same tree ID. That is what lets a commit share all ranges that it does not touch with its parent, and lets diff and
//! merge pass over every range that both sides have.

mod apply;
mod cursor;
mod diff;
mod node;

pub(crate) use apply::NewTree;
pub(crate) use cursor::TreeCursor;
pub(crate) use diff::{Change, ChangeKind};
use node::{NodeId, RangeInfo};
pub(crate) use node::{Range, TreeId};

use crate::Result;
use serde::{Deserialize, Serialize};
use sqlx::SqlitePool;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A key, as lakeFS orders it: by its bytes.
pub(crate) type Key = Vec<u8>;

/// What changes a tree into another: an entry to put, or `None` to take the key away.
pub(crate) type Edits = BTreeMap<Key, Option<Entry>>;

/// An object, as a tree or the staging area holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Where the bytes are. Unique for each upload.
    pub(crate) address: String,
    /// Hex MD5 of the bytes (or what a client that linked an address said).
    pub(crate) checksum: String,
    /// Bytes. Signed, because lakeFS links whatever size it is told.
    pub(crate) size: i64,
    /// Unix seconds.
    pub(crate) mtime: i64,
    pub(crate) content_type: String,
    pub(crate) metadata: BTreeMap<String, String>,
}

impl Entry {
    /// Whether lakeFS takes the two for the same content: an upload of it is then no change.
    pub(crate) fn same_content(&self, other: &Self) -> bool {
        self.size == other.size
            && self.checksum == other.checksum
            && self.content_type == other.content_type
            && self.metadata == other.metadata
    }
}

/// Reads the trees of all repositories, through a cache of decoded nodes.
pub(crate) struct Trees {
    pool: SqlitePool,
    ranges: quick_cache::sync::Cache<(i64, NodeId), Arc<Range>>,
    metaranges: quick_cache::sync::Cache<(i64, NodeId), Arc<Vec<RangeInfo>>>,
}

/// Decoded ranges in the cache. A range has 256 entries of about 300 bytes on average: 10 MiB in all.
const CACHED_RANGES: usize = 128;
/// Decoded metaranges in the cache.
const CACHED_METARANGES: usize = 32;

impl Trees {
    pub(crate) fn new(pool: SqlitePool) -> Self {
        Self {
            pool,
            ranges: quick_cache::sync::Cache::new(CACHED_RANGES),
            metaranges: quick_cache::sync::Cache::new(CACHED_METARANGES),
        }
    }

    /// The ranges of a tree, in key order.
    async fn metarange(&self, repository: i64, tree: &TreeId) -> Result<Arc<Vec<RangeInfo>>> {
        let Some(id) = tree.node() else { return Ok(Arc::default()) };
        if let Some(cached) = self.metaranges.get(&(repository, id)) {
            return Ok(cached);
        }
        let decoded = Arc::new(node::decode(&self.load(repository, id).await?)?);
        self.metaranges.insert((repository, id), Arc::clone(&decoded));
        Ok(decoded)
    }

    /// The entries of a range, in key order.
    async fn range(&self, repository: i64, id: NodeId) -> Result<Arc<Range>> {
        if let Some(cached) = self.ranges.get(&(repository, id)) {
            return Ok(cached);
        }
        let decoded = Arc::new(node::decode(&self.load(repository, id).await?)?);
        self.ranges.insert((repository, id), Arc::clone(&decoded));
        Ok(decoded)
    }

    async fn load(&self, repository: i64, id: NodeId) -> Result<Vec<u8>> {
        Ok(sqlx::query_scalar("SELECT data FROM nodes WHERE repository = $1 AND id = $2")
            .bind(repository)
            .bind(&id[..])
            .fetch_one(&self.pool)
            .await?)
    }

    /// The entry of a key.
    pub(crate) async fn get(&self, repository: i64, tree: &TreeId, key: &[u8]) -> Result<Option<Entry>> {
        let metarange = self.metarange(repository, tree).await?;
        let at = metarange.partition_point(|range| range.last.as_slice() < key);
        let Some(range) = metarange.get(at).filter(|range| range.first.as_slice() <= key) else { return Ok(None) };
        let range = self.range(repository, range.id).await?;
        Ok(range.binary_search_by(|(k, _)| k.as_slice().cmp(key)).ok().map(|at| range[at].1.clone()))
    }
}

#[cfg(test)]
mod tests;
