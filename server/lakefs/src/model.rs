//! Resources in the responses of lakeFS, with the fields that lakeport uses.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Page of a listing.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// Results, in the order of lakeFS.
    pub results: Vec<T>,
    /// Value of `after` for the next page; `None` on the last page.
    pub next: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct RawPage<T> {
    pagination: Pagination,
    results: Vec<T>,
}

#[derive(Deserialize)]
struct Pagination {
    has_more: bool,
    next_offset: String,
}

impl<T> From<RawPage<T>> for Page<T> {
    fn from(raw: RawPage<T>) -> Self {
        let next = Some(raw.pagination.next_offset).filter(|next| raw.pagination.has_more && !next.is_empty());
        Self { results: raw.results, next }
    }
}

/// Repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// Repository ID.
    pub id: String,
    /// URL prefix of the repository's data in the object store.
    pub storage_namespace: String,
    /// Branch that was created with the repository.
    pub default_branch: String,
    /// Creation time, in Unix seconds.
    pub creation_date: i64,
    /// Whether lakeFS rejects writes.
    #[serde(default)]
    pub read_only: bool,
}

/// Branch and its head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch {
    /// Branch name.
    pub id: String,
    /// Commit ID of the head.
    pub commit_id: String,
}

/// Tag and its commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// Tag name.
    pub id: String,
    /// Commit ID that the tag points to.
    pub commit_id: String,
}

/// Commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Commit ID: 64 hex digits.
    pub id: String,
    /// IDs of the parents, in order. The first parent is the previous head of the branch.
    pub parents: Vec<String>,
    /// Name of the committing user.
    pub committer: String,
    /// Commit message.
    pub message: String,
    /// Creation time, in Unix seconds.
    pub creation_date: i64,
    /// ID of the tree. Trees with the same ranges have equal IDs. Trees with equal content but different ranges have different IDs.
    pub meta_range_id: String,
    /// User metadata.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// Length of the longest path to the first commit of the repository.
    #[serde(default)]
    pub generation: i64,
}

/// Object, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ObjectStats {
    /// Key of the object.
    pub path: String,
    /// Checksum of the bytes, which is the ETag without quotes. Hex MD5 for an object that was uploaded through lakeFS.
    pub checksum: String,
    /// Size, in bytes.
    #[serde(default)]
    pub size_bytes: i64,
    /// Modification time, in Unix seconds.
    pub mtime: i64,
    /// MIME type.
    #[serde(default)]
    pub content_type: String,
    /// User metadata.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// Address of the bytes in the object store. A presigned URL if the request asked for one.
    #[serde(default)]
    pub physical_address: String,
    /// Expiry of a presigned URL, in Unix seconds.
    #[serde(default)]
    pub physical_address_expiry: Option<i64>,
}

/// Item of a listing of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    /// Object.
    Object(ObjectStats),
    /// Common prefix; represents all keys with this prefix.
    Prefix(String),
}

#[derive(Deserialize)]
pub(crate) struct RawListed {
    path_type: String,
    #[serde(flatten)]
    stats: ObjectStats,
}

impl From<RawListed> for Listed {
    fn from(raw: RawListed) -> Self {
        if raw.path_type == "common_prefix" { Self::Prefix(raw.stats.path) } else { Self::Object(raw.stats) }
    }
}

/// Difference between two refs, or between a branch and its head.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Difference {
    /// Key of the object, or a common prefix.
    pub path: String,
    /// Kind of the difference.
    #[serde(rename = "type")]
    pub kind: DifferenceKind,
    /// Size of the object, in bytes.
    #[serde(default)]
    pub size_bytes: i64,
    /// Object on the right side. `None` if the right side has no such object, or if the request did not ask for it.
    #[serde(default)]
    pub right: Option<RightSide>,
}

/// Fields by which, together with the size, lakeFS decides whether two objects are equal.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RightSide {
    /// Checksum of the bytes.
    pub checksum: String,
    /// MIME type.
    #[serde(default)]
    pub content_type: String,
    /// User metadata.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

impl Difference {
    /// Returns whether two differences from the same left side have the same right side. A merge of such changes has no
    /// conflict.
    pub fn is_alike(&self, other: &Self) -> bool {
        match (&self.right, &other.right) {
            (Some(ours), Some(theirs)) => ours == theirs && self.size_bytes == other.size_bytes,
            _ => self.kind == DifferenceKind::Removed && other.kind == DifferenceKind::Removed,
        }
    }
}

/// Kind of a difference between the left and the right side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// Only the right side has the object.
    Added,
    /// Only the left side has the object.
    Removed,
    /// Both sides have the object, with different content.
    Changed,
    /// Both sides changed the object since their merge base.
    Conflict,
    /// At least one object with this prefix differs.
    PrefixChanged,
}

/// User of the credentials.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct User {
    /// User ID; empty for a request without credentials.
    pub id: String,
}

/// Version of a lakeFS server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Version {
    /// Version string.
    pub version: String,
}
