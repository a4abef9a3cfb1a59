//! `FileService.Move`.

use super::progress::responses;
use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::Fields;
use crate::ops::context::Shared;
use crate::ops::files::r#move;
use crate::ops::files::transfer::TransferParams;
use futures_util::Stream;
use lakeport_proto::v1::{MoveRequest, MoveResponse};

pub(crate) async fn rename(
    ops: &Shared,
    caller: &Caller,
    request: MoveRequest,
) -> Result<impl Stream<Item = Result<MoveResponse>> + Send + use<>> {
    let mut fields = Fields::default();
    let place = fields.place(request.repository, request.r#ref, request.transaction_id);
    let destination = fields.parse("path", request.path);
    let source = fields.parse("source_path", request.source_path);
    let (place, (destination, source)) = fields.done(place.zip(destination.zip(source)))?;
    let params =
        TransferParams { source_repository: None, source_ref: None, source, destination, recursive: request.recursive };
    let moving = r#move::r#move(ops, caller, &place, params).await?;
    responses(ops, moving, |paths, failures| MoveResponse { paths, failures }).await
}
