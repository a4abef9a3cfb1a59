//! `FileService.BatchWrite`.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::Shared;
use crate::ops::files::batch::check_batch;
use crate::ops::files::file_info::FileInfo;
use crate::ops::files::guards::check_settled;
use crate::ops::files::object_metadata::check_described;
use crate::ops::files::settle::Change;
use crate::ops::files::store_object::UploadHeader;
use crate::ops::place::Place;
use crate::ops::writing::Writing;
use crate::upload::{Checks, Part};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use lakeport_types::ObjectPath;

/// Stores objects. The results are in the order of the items.
///
/// # Errors
/// `BatchTooLarge`, and those of the place.
pub async fn batch_write(
    ops: &Shared,
    caller: &Caller,
    place: &Place,
    items: Vec<Result<(ObjectPath, UploadHeader, Bytes)>>,
) -> Result<Vec<Result<FileInfo>>> {
    check_batch(items.len(), ops.limits.batch_items)?;
    let writing = ops.writing(caller, place).await?;
    let paths: Vec<ObjectPath> = items.iter().flatten().map(|(path, ..)| path.clone()).collect();
    // If a path is not settled yet, only its item fails.
    let writing = ops.settled(caller, writing.clone(), &paths).await.unwrap_or(writing);
    let stored = stream::iter(items)
        .map(async |item| match item {
            Ok((path, header, data)) => store_one(ops, caller, &writing, path, header, data).await,
            Err(error) => Err(error),
        })
        .buffered(ops.limits.fan_out)
        .collect::<Vec<_>>();
    let stored = ops.while_renewing(&writing, async { Ok(stored.await) }).await?;
    let changes: Vec<Change> = stored.iter().flatten().cloned().collect();
    let mut outcomes = ops.acknowledge(caller, &writing, &changes).await?.into_iter();
    let no_stats = || Error::new(Kind::Internal, "a stored object has no description");
    let acknowledged = stored.into_iter().map(|change| {
        let change = change?;
        outcomes.next().unwrap_or_else(|| Err(no_stats()))?;
        change.into_stats().map(FileInfo::from).ok_or_else(no_stats)
    });
    Ok(acknowledged.collect())
}

async fn store_one(
    ops: &Shared,
    caller: &Caller,
    writing: &Writing,
    path: ObjectPath,
    header: UploadHeader,
    data: Bytes,
) -> Result<Change> {
    check_described(&header.metadata, &header.content_type)?;
    check_settled(writing, &path)?;
    let header = UploadHeader { checks: Checks { size: Some(data.len() as u64), ..Checks::default() }, ..header };
    let part = Part { data, finish: Some(Checks::default()) };
    // The upload continues if the call is cancelled, and keeps its permit.
    let caller = &caller.holding(ops.batch_memory.request().await?);
    ops.store_object(caller, writing, &path, header, Box::pin(stream::iter([Ok(part)]))).await
}
