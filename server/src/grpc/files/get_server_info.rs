//! `FileService.GetServerInfo`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Shared;
use crate::ops::files::get_server_info;
use lakeport_proto::v1::{GetServerInfoRequest, GetServerInfoResponse};

pub(crate) async fn get_server_info(
    ops: &Shared,
    caller: &Caller,
    _request: GetServerInfoRequest,
) -> Result<GetServerInfoResponse> {
    let info = get_server_info::get_server_info(ops, caller).await?;
    Ok(GetServerInfoResponse {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        lakefs_version: info.lakefs_version,
        embedded: ops.is_embedded,
        presign: info.presign,
        max_message_bytes: i64::try_from(ops.limits.message_bytes).unwrap_or(i64::MAX),
        max_batch_items: i32::try_from(ops.limits.batch_items).unwrap_or(i32::MAX),
    })
}
