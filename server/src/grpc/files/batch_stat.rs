//! `FileService.BatchStat`.

use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::grpc::convert::{Fields, file_info};
use crate::grpc::item_status;
use crate::grpc::parts::parts;
use crate::grpc::status::item_ok;
use crate::ops::context::Shared;
use crate::ops::files::batch::BatchItem;
use crate::ops::files::batch_stat;
use crate::ops::files::file_info::FileInfo;
use futures_util::{Stream, StreamExt, stream};
use lakeport_proto::v1::{BatchStatItem, BatchStatRequest, BatchStatResponse};
use lakeport_types::ObjectPath;

/// Maximum number of items in one message.
const ITEMS: usize = 256;

pub(crate) async fn batch_stat(
    ops: &Shared,
    caller: &Caller,
    request: BatchStatRequest,
) -> Result<impl Stream<Item = Result<BatchStatResponse>> + Send + use<>> {
    let mut fields = Fields::default();
    let place = fields.place(request.repository, request.r#ref, request.transaction_id);
    let place = fields.done(place)?;
    let items = batch_stat::batch_stat(ops.clone(), caller.clone(), &place, parsed(request.paths)).await?;
    let limit = ops.limits.message_bytes;
    let messages = items.map(encode).ready_chunks(ITEMS).flat_map(move |items| stream::iter(parts(items, limit)));
    Ok(messages.map(|items| Ok(BatchStatResponse { items })))
}

/// Parses paths. An invalid path fails its item only.
pub(super) fn parsed(paths: Vec<String>) -> Vec<Result<ObjectPath>> {
    let parsed = paths
        .into_iter()
        .enumerate()
        .map(|(at, path)| ObjectPath::try_from(path).map_err(|error| Error::field(format!("paths[{at}]"), error)));
    parsed.collect()
}

fn encode((index, info): BatchItem<FileInfo>) -> BatchStatItem {
    let index = i32::try_from(index).unwrap_or(i32::MAX);
    match info {
        Ok(info) => BatchStatItem { index, status: Some(item_ok()), info: Some(file_info(info)) },
        Err(error) => BatchStatItem { index, status: Some(item_status(error)), info: None },
    }
}
