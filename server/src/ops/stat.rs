//! What an object is.

use super::{Caller, Ops, Place, Reading};
use crate::error::Result;
use lakeport_lakefs::{self as lakefs, ObjectHead, ObjectStats};
use lakeport_types::ObjectPath;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An object without its bytes, or a prefix of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileInfo {
    /// The key, or the prefix.
    pub path: String,
    /// Whether it is a prefix.
    pub is_prefix: bool,
    /// Bytes.
    pub size: u64,
    /// lakeFS's checksum.
    pub etag: String,
    /// MIME type.
    pub content_type: String,
    /// The caller's metadata, without ours.
    pub metadata: BTreeMap<String, String>,
    /// When it was written.
    pub modified: Option<SystemTime>,
    /// The commit that was read, where the ref is a commit ID.
    pub commit_id: Option<String>,
}

/// The key of user metadata that says which write made an object.
pub(super) const WRITE_ID: &str = "lakeport.write-id";

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
    /// From the head of a download, which has no user metadata.
    pub(super) fn of_head(path: &ObjectPath, head: &ObjectHead) -> Self {
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

    /// A prefix of objects.
    pub(super) fn prefix(path: String) -> Self {
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

    /// With the commit that was read, where that is fixed.
    pub(super) fn at(mut self, reading: &Reading) -> Self {
        self.commit_id = reading.reference.as_commit().map(|commit| commit.to_string());
        self
    }
}

/// What an object is.
///
/// # Errors
/// `ObjectNotFound`, `RefNotFound`, `RepositoryNotFound`, and those of the place.
pub async fn stat(ops: &Ops, caller: &Caller, place: &Place, path: &ObjectPath) -> Result<FileInfo> {
    let reading = ops.reading(caller, place).await?;
    ops.stat_in(caller, &reading, path).await
}

impl Ops {
    /// The same, wherever a transaction moves meanwhile.
    pub(super) async fn stat_in(&self, caller: &Caller, reading: &Reading, path: &ObjectPath) -> Result<FileInfo> {
        match self.stat_at(caller, reading, path).await {
            Err(error) => self.stat_at(caller, &self.read_on(caller, reading, error).await?, path).await,
            found => found,
        }
    }

    pub(super) async fn stat_at(&self, caller: &Caller, reading: &Reading, path: &ObjectPath) -> Result<FileInfo> {
        match caller.lakefs.stat(&reading.repository, &reading.reference, path).await {
            Ok(stats) => Ok(FileInfo::from(stats).at(reading)),
            Err(error) if error.kind() == lakefs::Kind::NotFound => Err(self.missing(caller, reading, path).await),
            Err(error) => Err(caller.explain(self.missing_ref(reading, error).await).await),
        }
    }
}
