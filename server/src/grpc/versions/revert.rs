//! `VersionService.Revert`.

use super::call_id::call_id;
use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, commit};
use crate::ops::context::Shared;
use crate::ops::versions::revert;
use crate::ops::versions::revert::NewRevert;
use lakeport_proto::v1::{RevertRequest, RevertResponse};
use std::mem::take;

pub(crate) async fn revert(ops: &Shared, caller: &Caller, mut request: RevertRequest) -> Result<RevertResponse> {
    let mut fields = Fields::default();
    let request_id = take(&mut request.request_id);
    let id = call_id(&mut fields, request_id, &request);
    let place = fields.place_on(request.repository, ("branch", request.branch), request.transaction_id);
    let target = fields.parse("ref", request.r#ref);
    let parent = fields.count("parent_number", request.parent_number.into());
    let (place, (target, parent)) = fields.done(place.zip(target.zip(parent)))?;
    let parent = u32::try_from(parent).unwrap_or(u32::MAX);
    let undo = NewRevert { target, parent, message: request.message, metadata: request.metadata };
    let made = revert::revert(ops, caller, &id, &place, &undo).await?;
    Ok(RevertResponse { commit: Some(commit(made)) })
}
