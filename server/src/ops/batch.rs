//! Many objects in one call, each with an outcome of its own.

use super::list::check_batch;
use super::room::Room;
use super::settle::Change;
use super::write::check_described;
use super::{Caller, Conditions, FileInfo, Ops, Place, Reading, Shared, UploadHeader, Writing};
use crate::error::{Error, Kind, Result};
use crate::upload::{Checks, Part};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use lakeport_types::{ByteRange, ObjectPath};

/// One of a batch: its place in the request, and what became of it.
pub type BatchItem<T> = (usize, Result<T>);

/// What objects are, as they are ready.
///
/// # Errors
/// `BatchTooLarge`, and those of the place.
pub async fn stat_many(
    ops: Shared,
    caller: Caller,
    place: &Place,
    paths: Vec<Result<ObjectPath>>,
) -> Result<impl Stream<Item = BatchItem<FileInfo>> + Send + use<>> {
    check_batch(paths.len(), ops.limits.batch_items)?;
    let reading = ops.reading(&caller, place).await?;
    let fan_out = ops.limits.fan_out;
    let items = stream::iter(paths.into_iter().enumerate()).map(move |(index, path)| {
        let (ops, caller, reading) = (ops.clone(), caller.clone(), reading.clone());
        async move {
            let info = match path {
                Ok(path) => ops.stat_in(&caller, &reading, &path).await,
                Err(error) => Err(error),
            };
            (index, info)
        }
    });
    Ok(items.buffer_unordered(fan_out))
}

/// Whole objects, as they are ready.
///
/// # Errors
/// As [`stat_many`].
pub async fn read_many(
    ops: Shared,
    caller: Caller,
    place: &Place,
    paths: Vec<Result<ObjectPath>>,
) -> Result<impl Stream<Item = BatchItem<(FileInfo, Bytes)>> + Send + use<>> {
    check_batch(paths.len(), ops.limits.batch_items)?;
    let reading = ops.reading(&caller, place).await?;
    let (fan_out, room) = (ops.limits.fan_out, ops.batch_room.of_one_call(&caller.principal));
    let items = stream::iter(paths.into_iter().enumerate()).map(move |(index, path)| {
        let (ops, caller, reading, room) = (ops.clone(), caller.clone(), reading.clone(), room.clone());
        async move {
            let read = match path {
                Ok(path) => whole(&ops, &caller, &reading, &path, &room).await,
                Err(error) => Err(error),
            };
            (index, read)
        }
    });
    Ok(items.buffer_unordered(fan_out))
}

async fn whole(
    ops: &Ops,
    caller: &Caller,
    reading: &Reading,
    path: &ObjectPath,
    room: &Room,
) -> Result<(FileInfo, Bytes)> {
    let whole =
        async |reading: &Reading| ops.read_at(caller, reading, path, ByteRange::ALL, &Conditions::default()).await;
    let mut object = match whole(reading).await {
        Err(error) => whole(&ops.read_on(caller, reading, error).await?).await?,
        Ok(object) => object,
    };
    let limit = ops.limits.batch_object_bytes;
    if object.info.size > limit {
        let message =
            format!("{:?} has {} bytes, more than the {limit} of a batch: use Read", path.as_str(), object.info.size);
        return Err(Error::new(Kind::RangeOutOfBounds, message));
    }
    let place = room.take(object.left()).await?;
    let mut data = Vec::with_capacity(usize::try_from(object.left()).unwrap_or_default());
    while let Some((_, piece)) = object.next(ops).await? {
        data.extend_from_slice(&piece);
    }
    Ok((object.info, place.hold(data)))
}

/// Stores objects; the results are in the order of the items.
///
/// # Errors
/// `BatchTooLarge`, and those of the place.
pub async fn write_many(
    ops: &Shared,
    caller: &Caller,
    place: &Place,
    items: Vec<Result<(ObjectPath, UploadHeader, Bytes)>>,
) -> Result<Vec<Result<FileInfo>>> {
    check_batch(items.len(), ops.limits.batch_items)?;
    let writing = ops.writing(caller, place).await?;
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
    let nothing = || Error::new(Kind::Internal, "nothing was stored");
    let acknowledged = stored.into_iter().map(|change| {
        let change = change?;
        outcomes.next().unwrap_or_else(|| Err(nothing()))?;
        change.into_stats().map(FileInfo::from).ok_or_else(nothing)
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
    ops.is_settled(writing, &path)?;
    let header = UploadHeader { checks: Checks { size: Some(data.len() as u64), ..Checks::default() }, ..header };
    let part = Part { data, finish: Some(Checks::default()) };
    ops.store_object(caller, writing, &path, header, Box::pin(stream::iter([Ok(part)]))).await
}
