//! `FileService.BatchRead`.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::batch_memory::{CallMemory, Reserved};
use crate::ops::context::{Ops, Shared};
use crate::ops::files::batch::{BatchItem, check_batch, in_task};
use crate::ops::files::file_info::FileInfo;
use crate::ops::files::read::{Conditions, ReadObject, changed};
use crate::ops::place::Place;
use crate::ops::reading::Reading;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use lakeport_types::{ByteRange, ObjectPath};

/// Number of times that an object is opened. The first time, its size may be unknown; after that, it only grows if it is
/// written again.
const ATTEMPTS: u32 = 3;

/// A whole object.
pub struct WholeObject {
    /// Description, without user metadata.
    pub info: FileInfo,
    /// Bytes.
    pub data: Bytes,
    /// Memory of the bytes. Keep it until the reader has taken them.
    pub memory: Reserved,
}

/// Reads whole objects and streams them as they complete, in any order.
///
/// # Errors
/// `BatchTooLarge`, and those of the place.
pub async fn batch_read(
    ops: Shared,
    caller: Caller,
    place: &Place,
    paths: Vec<Result<ObjectPath>>,
) -> Result<impl Stream<Item = BatchItem<WholeObject>> + Send + use<>> {
    check_batch(paths.len(), ops.limits.batch_items)?;
    let reading = ops.reading(&caller, place).await?;
    let (fan_out, memory) = (ops.limits.fan_out, ops.batch_memory.of_one_call(&caller.principal));
    let items = stream::iter(paths.into_iter().enumerate()).map(move |(index, path)| {
        let (ops, caller, reading, memory) = (ops.clone(), caller.clone(), reading.clone(), memory.clone());
        async move {
            let read = match path {
                Ok(path) => in_task(async move { whole(&ops, &caller, &reading, &path, &memory).await }).await,
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
) -> Result<WholeObject> {
    let mut expected = memory.expected();
    for _ in 0..ATTEMPTS {
        let reserved = memory.reserve(expected).await?;
        let _request = ops.batch_memory.request().await?;
        let mut object = open(ops, caller, reading, path).await?;
        expected = object.left();
        memory.expect(expected);
        // If the object needs more memory and there is none now, the download ends here: it must not wait for memory.
        let Some(memory) = reserved.resize(expected) else { continue };
        let mut data = Vec::with_capacity(usize::try_from(expected).unwrap_or_default());
        while let Some((_, piece)) = object.next(ops).await? {
            data.extend_from_slice(&piece);
        }
        return Ok(WholeObject { info: object.info, data: data.into(), memory });
    }
    Err(changed(path))
}

/// Opens a whole object.
///
/// # Errors
/// `RangeOutOfBounds` if it is too large for a batch, and those of a read.
async fn open(ops: &Ops, caller: &Caller, reading: &Reading, path: &ObjectPath) -> Result<ReadObject> {
    let whole =
        async |reading: &Reading| ops.read_at(caller, reading, path, ByteRange::ALL, &Conditions::default()).await;
    let object = match whole(reading).await {
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
    Ok(object)
}
