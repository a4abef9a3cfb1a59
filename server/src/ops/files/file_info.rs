//! The description of an object or a prefix.

use crate::ops::reading::Reading;
use lakeport_lakefs::{ObjectHead, ObjectStats};
use lakeport_types::ObjectPath;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An object without its bytes, or a prefix of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileInfo {
    /// Key or prefix.
    pub path: String,
    /// Whether it is a prefix.
    pub is_prefix: bool,
    /// Size in bytes; 0 for a prefix.
    pub size: u64,
    /// Checksum from lakeFS; empty for a prefix.
    pub etag: String,
    /// MIME type.
    pub content_type: String,
    /// User metadata, without lakeport's own keys.
    pub metadata: BTreeMap<String, String>,
    /// Time of the last write.
    pub modified: Option<SystemTime>,
    /// The commit that was read, if the ref is a commit ID.
    pub commit_id: Option<String>,
}

impl From<ObjectStats> for FileInfo {
    fn from(stats: ObjectStats) -> Self {
        let mut metadata = stats.metadata;
        metadata.retain(|key, _| !key.starts_with(lakeport_types::RESERVED_METADATA_PREFIX));
        Self {
            path: stats.path,
            is_prefix: false,
            size: u64::try_from(stats.size_bytes).unwrap_or_default(),
            etag: stats.checksum,
            content_type: stats.content_type,
            metadata,
            modified: u64::try_from(stats.mtime).ok().map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds)),
            commit_id: None,
        }
    }
}

impl FileInfo {
    /// Describes an object by the head of its download, which has no user metadata.
    pub(in crate::ops) fn of_head(path: &ObjectPath, head: &ObjectHead) -> Self {
        Self {
            path: path.as_str().to_owned(),
            is_prefix: false,
            size: head.size,
            etag: head.etag.clone(),
            content_type: head.content_type.clone(),
            metadata: BTreeMap::new(),
            modified: head.modified,
            commit_id: None,
        }
    }

    /// Describes a prefix.
    pub(in crate::ops) fn prefix(path: String) -> Self {
        Self {
            path,
            is_prefix: true,
            size: 0,
            etag: String::new(),
            content_type: String::new(),
            metadata: BTreeMap::new(),
            modified: None,
            commit_id: None,
        }
    }

    /// Sets the commit that was read, if the request names it by its ID.
    pub(in crate::ops) fn at(mut self, reading: &Reading) -> Self {
        self.commit_id = reading.commit.as_ref().map(ToString::to_string);
        self
    }
}
