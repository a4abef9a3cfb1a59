//! The nodes of a tree, their encoding and their IDs.

use super::{Entry, Key};
use crate::Result;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

/// SHA-256 of a node's encoding.
pub(crate) type NodeId = [u8; 32];

/// A run of entries in key order, never empty.
pub(crate) type Range = Vec<(Key, Entry)>;

/// What a metarange says of a range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RangeInfo {
    pub(crate) id: NodeId,
    pub(crate) first: Key,
    pub(crate) last: Key,
}

/// A tree, by the hex ID of its metarange. That of a repository's first commit, which has none, is `""`, as lakeFS spells it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TreeId(String);

impl TreeId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// From the database, which holds only what [`TreeId::of`] made.
    pub(crate) fn stored(id: String) -> Self {
        Self(id)
    }

    pub(super) fn of(node: NodeId) -> Self {
        Self(hex::encode(node))
    }

    pub(super) fn node(&self) -> Option<NodeId> {
        hex::decode(&self.0).ok()?.try_into().ok()
    }
}

/// A node that is to be stored.
pub(crate) struct NewNode {
    pub(crate) id: NodeId,
    /// Whether it is a range; else it is a metarange.
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

pub(super) fn decode<T: DeserializeOwned>(data: &[u8]) -> Result<T> {
    Ok(postcard::from_bytes(data)?)
}

/// How many entries a range has on average.
const AVERAGE_RANGE: u32 = 256;

/// Whether a range ends behind this key.
pub(super) fn ends_range(key: &[u8]) -> bool {
    let digest: [u8; 32] = Sha256::digest(key).into();
    u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]]).is_multiple_of(AVERAGE_RANGE)
}
