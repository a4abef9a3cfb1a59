//! Nodes of a tree, their encoding and their IDs.

use super::{Entry, Key};
use crate::{Error, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

/// SHA-256 of a node's encoding.
pub(crate) type NodeId = [u8; 32];

/// Entries of a range, in key order. Never empty.
pub(crate) type Range = Vec<(Key, Entry)>;

/// Range in a metarange: its ID, and its first and last key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RangeInfo {
    pub(crate) id: NodeId,
    pub(crate) first: Key,
    pub(crate) last: Key,
}

/// ID of a tree: the hex ID of its metarange. The tree of a repository's first commit has no metarange; as in lakeFS, its
/// ID is `""`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TreeId(String);

impl TreeId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns a tree ID from the database, which contains only IDs made by [`TreeId::of`].
    pub(crate) fn stored(id: String) -> Self {
        Self(id)
    }

    pub(super) fn of(node: NodeId) -> Self {
        Self(hex::encode(node))
    }

    pub(crate) fn node(&self) -> Option<NodeId> {
        hex::decode(&self.0).ok()?.try_into().ok()
    }
}

/// Node to store.
pub(crate) struct NewNode {
    pub(crate) id: NodeId,
    /// Whether the node is a range. Otherwise it is a metarange.
    pub(crate) is_range: bool,
    pub(crate) data: Vec<u8>,
}

impl NewNode {
    pub(super) fn range(range: &Range) -> Result<Self> {
        Self::new(range, true)
    }

    pub(super) fn metarange(metarange: &[RangeInfo]) -> Result<Self> {
        Self::new(metarange, false)
    }

    fn new<T: Serialize + ?Sized>(node: &T, is_range: bool) -> Result<Self> {
        let data = postcard::to_stdvec(node)?;
        Ok(Self { id: Sha256::digest(&data).into(), is_range, data })
    }
}

/// Decodes a node.
///
/// # Errors
/// `Damaged` if the data does not match the ID.
pub(crate) fn decode<T: DeserializeOwned>(id: &[u8], data: &[u8]) -> Result<T> {
    if Sha256::digest(data)[..] != *id {
        return Err(Error::damaged(format!("the node {} of a tree does not match its ID", hex::encode(id))));
    }
    Ok(postcard::from_bytes(data)?)
}

/// Average number of entries in a range.
const AVERAGE_RANGE: u32 = 256;

/// Returns whether a range ends after this key.
pub(super) fn ends_range(key: &[u8]) -> bool {
    let digest: [u8; 32] = Sha256::digest(key).into();
    u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]]).is_multiple_of(AVERAGE_RANGE)
}
