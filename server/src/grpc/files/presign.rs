//! `FileService.Presign`.

use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, seconds};
use crate::ops::context::Shared;
use crate::ops::files::presign;
use lakeport_proto::v1::{PresignRequest, PresignResponse};

pub(crate) async fn presign(ops: &Shared, caller: &Caller, request: PresignRequest) -> Result<PresignResponse> {
    let mut fields = Fields::default();
    let place = fields.place(request.repository, request.r#ref, request.transaction_id);
    let path = fields.parse("path", request.path);
    let (place, path) = fields.done(place.zip(path))?;
    let presigned = presign::presign(ops, caller, &place, &path).await?;
    Ok(PresignResponse { url: presigned.url, expire_time: presigned.expires.map(seconds) })
}
