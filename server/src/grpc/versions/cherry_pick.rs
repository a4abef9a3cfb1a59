//! `VersionService.CherryPick`.

use super::call_id::call_id;
use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, branch_of, commit};
use crate::ops::context::Shared;
use crate::ops::versions::cherry_pick::{self, Pick};
use lakeport_proto::v1::{CherryPickRequest, CherryPickResponse};
use std::mem::take;

pub(crate) async fn cherry_pick(
    ops: &Shared,
    caller: &Caller,
    mut request: CherryPickRequest,
) -> Result<CherryPickResponse> {
    let mut fields = Fields::default();
    let request_id = take(&mut request.request_id);
    let id = call_id(&mut fields, request_id, &request);
    let named = branch_of(&mut fields, request.repository, ("branch", request.branch));
    let picked = fields.parse("ref", request.r#ref);
    let parent = fields.count("parent_number", request.parent_number.into());
    let ((repository, branch), (commit_ref, parent)) = fields.done(named.zip(picked.zip(parent)))?;
    let parent = u32::try_from(parent).ok().filter(|parent| *parent > 0);
    let made =
        cherry_pick::cherry_pick(ops, caller, &id, &Pick { repository, branch, commit: commit_ref, parent }).await?;
    Ok(CherryPickResponse { commit: Some(commit(made)) })
}
