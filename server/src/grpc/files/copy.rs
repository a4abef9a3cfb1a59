//! `FileService.Copy`.

use super::progress::responses;
use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::Fields;
use crate::ops::context::Shared;
use crate::ops::files::copy;
use crate::ops::files::transfer::TransferParams;
use futures_util::Stream;
use lakeport_proto::v1::{CopyRequest, CopyResponse};

pub(crate) async fn copy(
    ops: &Shared,
    caller: &Caller,
    request: CopyRequest,
) -> Result<impl Stream<Item = Result<CopyResponse>> + Send + use<>> {
    let mut fields = Fields::default();
    let place = fields.place(request.repository, request.r#ref, request.transaction_id);
    let destination = fields.parse("path", request.path);
    let source = fields.parse("source_path", request.source_path);
    let source_ref = fields.optional("source_ref", request.source_ref);
    let source_repository = fields.optional("source_repository", request.source_repository);
    if source_repository.is_some() && source_ref.is_none() {
        fields.wrong("source_ref", "is empty: with source_repository, name a ref of that repository");
    }
    let (place, (destination, source)) = fields.done(place.zip(destination.zip(source)))?;
    let params = TransferParams { source_repository, source_ref, source, destination, recursive: request.recursive };
    let copying = copy::copy(ops, caller, &place, params).await?;
    responses(ops, copying, |paths, failures| CopyResponse { paths, failures }).await
}
