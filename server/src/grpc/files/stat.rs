//! `FileService.Stat`.

use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, file_info};
use crate::ops::context::Shared;
use crate::ops::files::stat;
use lakeport_proto::v1::{StatRequest, StatResponse};

pub(crate) async fn stat(ops: &Shared, caller: &Caller, request: StatRequest) -> Result<StatResponse> {
    let mut fields = Fields::default();
    let place = fields.place(request.repository, request.r#ref, request.transaction_id);
    let path = fields.parse("path", request.path);
    let (place, path) = fields.done(place.zip(path))?;
    let info = stat::stat(ops, caller, &place, &path).await?;
    Ok(StatResponse { info: Some(file_info(info)) })
}
