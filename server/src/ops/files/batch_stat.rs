//! `FileService.BatchStat`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::{Ops, Shared};
use crate::ops::files::batch::{BatchItem, check_batch, in_task};
use crate::ops::files::file_info::FileInfo;
use crate::ops::place::Place;
use crate::ops::reading::Reading;
use futures_util::{Stream, StreamExt, stream};
use lakeport_types::ObjectPath;

/// Describes objects, and streams the descriptions as they complete, in any order.
///
/// # Errors
/// `BatchTooLarge`, and those of the place.
pub async fn batch_stat(
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
                Ok(path) => in_task(async move { stat_one(&ops, &caller, &reading, &path).await }).await,
                Err(error) => Err(error),
            };
            (index, info)
        }
    });
    Ok(items.buffer_unordered(fan_out))
}

async fn stat_one(ops: &Ops, caller: &Caller, reading: &Reading, path: &ObjectPath) -> Result<FileInfo> {
    let _request = ops.batch_memory.request().await?;
    ops.stat_in(caller, reading, path).await
}
