//! `FileService.BatchRead`.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::batch_memory::CallMemory;
use crate::ops::context::{Ops, Shared};
use crate::ops::files::batch::{BatchItem, check_batch};
use crate::ops::files::file_info::FileInfo;
use crate::ops::files::read::Conditions;
use crate::ops::place::Place;
use crate::ops::reading::Reading;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use lakeport_types::{ByteRange, ObjectPath};

/// Reads whole objects and streams them as they complete, in any order.
///
/// # Errors
/// `BatchTooLarge`, and those of the place.
pub async fn batch_read(
    ops: Shared,
    caller: Caller,
    place: &Place,
    paths: Vec<Result<ObjectPath>>,
) -> Result<impl Stream<Item = BatchItem<(FileInfo, Bytes)>> + Send + use<>> {
    check_batch(paths.len(), ops.limits.batch_items)?;
    let reading = ops.reading(&caller, place).await?;
    let (fan_out, memory) = (ops.limits.fan_out, ops.batch_memory.of_one_call(&caller.principal));
    let items = stream::iter(paths.into_iter().enumerate()).map(move |(index, path)| {
        let (ops, caller, reading, memory) = (ops.clone(), caller.clone(), reading.clone(), memory.clone());
        async move {
            let read = match path {
                Ok(path) => whole(&ops, &caller, &reading, &path, &memory).await,
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
    memory: &CallMemory,
) -> Result<(FileInfo, Bytes)> {
    let whole =
        async |reading: &Reading| ops.read_at(caller, reading, path, ByteRange::ALL, &Conditions::default()).await;
    let mut object = match whole(reading).await {
        Err(error) => whole(&ops.read_on(caller, reading, error).await?).await?,
        Ok(object) => object,
    };
    let limit = ops.limits.batch_object_bytes;
    if object.info.size > limit {
        let message = format!(
            "{:?} has {} bytes, and a batch reads objects up to {limit} bytes: use Read",
            path.as_str(),
            object.info.size
        );
        return Err(Error::new(Kind::RangeOutOfBounds, message));
    }
    let reserved = memory.reserve(object.left()).await?;
    let mut data = Vec::with_capacity(usize::try_from(object.left()).unwrap_or_default());
    while let Some((_, piece)) = object.next(ops).await? {
        data.extend_from_slice(&piece);
    }
    Ok((object.info, reserved.hold(data)))
}
