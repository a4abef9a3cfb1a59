//! `FileService.Presign`.

use crate::error::Result;
use crate::grpc::convert::Fields;
use crate::ops::{self, Caller, Shared};
use lakeport_proto::v1::{PresignRequest, PresignResponse};

pub(crate) async fn presign(ops: &Shared, caller: &Caller, request: PresignRequest) -> Result<PresignResponse> {
    let mut fields = Fields::default();
    let place = fields.place(request.repository, request.r#ref, request.transaction_id);
    let path = fields.parse("path", request.path);
    let (place, path) = fields.done(place.zip(path))?;
    Ok(PresignResponse { url: ops::presign(ops, caller, &place, &path).await? })
}
