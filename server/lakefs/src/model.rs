//! What lakeFS answers, as far as anybody here looks at it.

use serde::Deserialize;
use std::collections::BTreeMap;

/// One page of a listing.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// In lakeFS's order.
    pub results: Vec<T>,
    /// What to ask for the next page with; `None` on the last.
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

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Repository {
    /// Its name.
    pub id: String,
    /// Where its bytes are.
    pub storage_namespace: String,
    /// The branch that it began with.
    pub default_branch: String,
    /// Unix seconds.
    pub creation_date: i64,
    /// Whether writes are refused.
    #[serde(default)]
    pub read_only: bool,
}

/// A branch and its head.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Branch {
    /// Its name.
    pub id: String,
    /// The commit that it points to.
    pub commit_id: String,
}

/// A tag and its commit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Tag {
    /// Its name.
    pub id: String,
    /// The commit that it names.
    pub commit_id: String,
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Commit {
    /// 64 hex digits.
    pub id: String,
    /// In order; the first is what the branch pointed to before.
    pub parents: Vec<String>,
    /// Who made it.
    pub committer: String,
    /// What they said.
    pub message: String,
    /// Unix seconds.
    pub creation_date: i64,
    /// The ID of the tree: equal for equal content stored alike.
    pub meta_range_id: String,
    /// User metadata.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// The length of the longest way to the first commit.
    #[serde(default)]
    pub generation: i64,
}

/// An object, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ObjectStats {
    /// Its key.
    pub path: String,
    /// lakeFS's checksum of the bytes (hex MD5 for what was uploaded through it); the ETag without quotes.
    pub checksum: String,
    /// Bytes.
    #[serde(default)]
    pub size_bytes: i64,
    /// Unix seconds.
    pub mtime: i64,
    /// MIME type.
    #[serde(default)]
    pub content_type: String,
    /// User metadata.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// Where its bytes are; a URL where a presigned one was asked for.
    #[serde(default)]
    pub physical_address: String,
    /// Expiry of a presigned URL, in Unix seconds.
    #[serde(default)]
    pub physical_address_expiry: Option<i64>,
}

/// An item of a listing of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    /// An object.
    Object(ObjectStats),
    /// All keys that begin so.
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

/// A difference between two refs, or between a branch and its head.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Difference {
    /// A key, or a prefix.
    pub path: String,
    /// What happened to it.
    #[serde(rename = "type")]
    pub kind: DifferenceKind,
    /// Bytes, where it is an object.
    #[serde(default)]
    pub size_bytes: i64,
    /// What stands on the right side, where that was asked for and something does.
    #[serde(default)]
    pub right: Option<RightSide>,
}

/// An object as lakeFS tells it from others, besides its size.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RightSide {
    /// Of its bytes.
    pub checksum: String,
    /// MIME type.
    #[serde(default)]
    pub content_type: String,
    /// User metadata.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

impl Difference {
    /// Whether two differences from one state lead to the same: then a merge finds no conflict in them.
    pub fn is_alike(&self, other: &Self) -> bool {
        match (&self.right, &other.right) {
            (Some(ours), Some(theirs)) => ours == theirs && self.size_bytes == other.size_bytes,
            _ => self.kind == DifferenceKind::Removed && other.kind == DifferenceKind::Removed,
        }
    }
}

/// What happened to a key on the way from left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// The right side has it alone.
    Added,
    /// The left side has it alone.
    Removed,
    /// Both have it, with different content.
    Changed,
    /// Both sides changed it since their merge base.
    Conflict,
    /// Something below this prefix differs.
    PrefixChanged,
}

/// Who the credentials belong to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct User {
    /// Empty for nobody.
    pub id: String,
}

/// Which lakeFS this is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Version {
    /// lakeFS's version.
    pub version: String,
}
