//! `FileService.SetMetadata`.

use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, file_info, sorted};
use crate::ops::context::Shared;
use crate::ops::files::set_metadata;
use lakeport_proto::v1::{SetMetadataRequest, SetMetadataResponse};

pub(crate) async fn set_metadata(
    ops: &Shared,
    caller: &Caller,
    request: SetMetadataRequest,
) -> Result<SetMetadataResponse> {
    let mut fields = Fields::default();
    let place = fields.place(request.repository, request.r#ref, request.transaction_id);
    let path = fields.parse("path", request.path);
    let (place, path) = fields.done(place.zip(path))?;
    let info = set_metadata::set_metadata(ops, caller, &place, &path, &sorted(request.metadata)).await?;
    Ok(SetMetadataResponse { info: Some(file_info(info)) })
}
