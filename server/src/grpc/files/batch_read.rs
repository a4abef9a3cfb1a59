//! `FileService.BatchRead`.

use super::batch_stat::parsed;
use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, file_info};
use crate::grpc::item_status;
use crate::grpc::parts::parts;
use crate::grpc::status::item_ok;
use crate::ops::context::Shared;
use crate::ops::files::batch::BatchItem;
use crate::ops::files::batch_read;
use crate::ops::files::file_info::FileInfo;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use lakeport_proto::v1::{BatchReadItem, BatchReadRequest, BatchReadResponse};

/// Maximum number of items in one message.
const ITEMS: usize = 256;

pub(crate) async fn batch_read(
    ops: &Shared,
    caller: &Caller,
    request: BatchReadRequest,
) -> Result<impl Stream<Item = Result<BatchReadResponse>> + Send + use<>> {
    let mut fields = Fields::default();
    let place = fields.place(request.repository, request.r#ref, request.transaction_id);
    let place = fields.done(place)?;
    let limit = ops.limits.message_bytes;
    let items = batch_read::batch_read(ops.clone(), caller.clone(), &place, parsed(request.paths)).await?;
    let messages = items.map(encode).ready_chunks(ITEMS).flat_map(move |items| stream::iter(parts(items, limit)));
    Ok(messages.map(|items| Ok(BatchReadResponse { items })))
}

fn encode((index, read): BatchItem<(FileInfo, Bytes)>) -> BatchReadItem {
    let index = i32::try_from(index).unwrap_or(i32::MAX);
    match read {
        Ok((info, data)) => BatchReadItem {
            index,
            status: Some(item_ok()),
            info: Some(file_info(info)),
            crc32c: Some(crc32c::crc32c(&data)),
            data,
        },
        Err(error) => BatchReadItem { index, status: Some(item_status(error)), ..Default::default() },
    }
}
