//! `FileService.Write`.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::fault;
use crate::ops::context::Shared;
use crate::ops::files::file_info::FileInfo;
use crate::ops::files::object_metadata::check_described;
use crate::ops::files::store_object::UploadHeader;
use crate::ops::place::Place;
use crate::upload::Source;
use lakeport_types::ObjectPath;

/// Stores an object from a stream of bytes. It becomes visible only if the stream finishes and matches the expected
/// size and checksums.
///
/// # Errors
/// `WriteIncomplete`, `ChecksumMismatch`, `ObjectExists`, `WriteInDoubt`, `BranchProtected`, and those of the place.
pub async fn write(
    ops: &Shared,
    caller: &Caller,
    place: &Place,
    path: &ObjectPath,
    header: UploadHeader,
    source: Source,
) -> Result<FileInfo> {
    check_described(&header.metadata, &header.content_type)?;
    let writing = ops.writing(caller, place).await?;
    let writing = ops.settled(caller, writing, std::slice::from_ref(path)).await?;
    fault::before("written").await;
    let change = ops.store_object(caller, &writing, path, header, source).await?;
    fault::after("written").await;
    ops.acknowledge_one(caller, &writing, &change).await?;
    change
        .into_stats()
        .map(FileInfo::from)
        .ok_or_else(|| Error::new(Kind::Internal, "a stored object has no description"))
}
