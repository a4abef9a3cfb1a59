//! `VersionService.CherryPick`.

use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, branch_of, commit};
use crate::ops::context::Shared;
use crate::ops::versions::cherry_pick;
use lakeport_proto::v1::{CherryPickRequest, CherryPickResponse};

pub(crate) async fn cherry_pick(
    ops: &Shared,
    caller: &Caller,
    request: CherryPickRequest,
) -> Result<CherryPickResponse> {
    let mut fields = Fields::default();
    let named = branch_of(&mut fields, request.repository, ("branch", request.branch));
    let target = fields.parse("ref", request.r#ref);
    let parent = fields.count("parent_number", request.parent_number.into());
    let ((repository, branch), (target, parent)) = fields.done(named.zip(target.zip(parent)))?;
    let parent = u32::try_from(parent).ok().filter(|parent| *parent > 0);
    let made = cherry_pick::cherry_pick(ops, caller, (&repository, &branch), &target, parent).await?;
    Ok(CherryPickResponse { commit: Some(commit(made)) })
}
