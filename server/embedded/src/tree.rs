//! Committed state of a repository: a sorted map from key to [`Entry`].
//!
//! The map is stored as content-addressed *ranges* (runs of entries) and a *metarange* (the list of the ranges). lakeFS
//! uses the same design.
//!
//! A range ends after a key whose hash meets a condition. The condition does not depend on the entries before the key.
//! Equal entries therefore always result in equal ranges and an equal tree ID. A commit shares all ranges that it does not
//! change with its parent, and diff and merge skip all ranges that both sides have.

mod apply;
mod cursor;
mod diff;
mod node;

pub(crate) use apply::NewTree;
pub(crate) use cursor::TreeCursor;
pub(crate) use diff::{Change, ChangeKind};
use node::NodeId;
pub(crate) use node::{Range, RangeInfo, TreeId, decode};

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use sqlx::SqlitePool;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Object key. As in lakeFS, keys are ordered by their bytes.
pub(crate) type Key = Vec<u8>;

/// Changes to a tree, by key: the new entry, or `None` to delete the key.
pub(crate) type Edits = BTreeMap<Key, Option<Entry>>;

/// Object in a tree or in the staging area.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Address of the bytes. Unique for each upload.
    pub(crate) address: String,
    /// Hex MD5 of the bytes. For a linked address, the checksum that the client sent.
    pub(crate) checksum: String,
    /// Size in bytes. Signed, because lakeFS accepts any size for a linked address.
    pub(crate) size: i64,
    /// Modification time, in Unix seconds.
    pub(crate) mtime: i64,
    pub(crate) content_type: String,
    pub(crate) metadata: BTreeMap<String, String>,
}

impl Entry {
    /// Returns whether lakeFS considers the content of two entries equal. An upload of equal content is not a change.
    pub(crate) fn same_content(&self, other: &Self) -> bool {
        self.size == other.size
            && self.checksum == other.checksum
            && self.content_type == other.content_type
            && self.metadata == other.metadata
    }
}

/// Reader of the trees of all repositories, with a cache of decoded nodes.
pub(crate) struct Trees {
    pool: SqlitePool,
    ranges: quick_cache::sync::Cache<(i64, NodeId), Arc<Range>>,
    metaranges: quick_cache::sync::Cache<(i64, NodeId), Arc<Vec<RangeInfo>>>,
}

/// Maximum number of decoded ranges in the cache. A range has on average 256 entries of about 300 bytes, so a full cache has about 10 MiB.
const CACHED_RANGES: usize = 128;
/// Maximum number of decoded metaranges in the cache.
const CACHED_METARANGES: usize = 32;

impl Trees {
    pub(crate) fn new(pool: SqlitePool) -> Self {
        Self {
            pool,
            ranges: quick_cache::sync::Cache::new(CACHED_RANGES),
            metaranges: quick_cache::sync::Cache::new(CACHED_METARANGES),
        }
    }

    /// Returns the ranges of a tree, in key order.
    async fn metarange(&self, repository: i64, tree: &TreeId) -> Result<Arc<Vec<RangeInfo>>> {
        let Some(id) = tree.node() else { return Ok(Arc::default()) };
        if let Some(cached) = self.metaranges.get(&(repository, id)) {
            return Ok(cached);
        }
        let decoded = Arc::new(node::decode(&id, &self.load(repository, id).await?)?);
        self.metaranges.insert((repository, id), Arc::clone(&decoded));
        Ok(decoded)
    }

    /// Returns the entries of a range, in key order.
    async fn range(&self, repository: i64, id: NodeId) -> Result<Arc<Range>> {
        if let Some(cached) = self.ranges.get(&(repository, id)) {
            return Ok(cached);
        }
        let decoded = Arc::new(node::decode(&id, &self.load(repository, id).await?)?);
        self.ranges.insert((repository, id), Arc::clone(&decoded));
        Ok(decoded)
    }

    async fn load(&self, repository: i64, id: NodeId) -> Result<Vec<u8>> {
        let data: Option<Vec<u8>> = sqlx::query_scalar("SELECT data FROM nodes WHERE repository = $1 AND id = $2")
            .bind(repository)
            .bind(&id[..])
            .fetch_optional(&self.pool)
            .await?;
        if let Some(data) = data {
            return Ok(data);
        }
        let exists: Option<i64> = sqlx::query_scalar("SELECT 1 FROM repositories WHERE number = $1")
            .bind(repository)
            .fetch_optional(&self.pool)
            .await?;
        // The repository may have been deleted since the caller read its commit.
        Err(match exists {
            Some(_) => Error::damaged(format!("the node {} of a tree is missing", hex::encode(id))),
            None => Error::not_found("repository not found"),
        })
    }

    /// Returns the entry of a key.
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
