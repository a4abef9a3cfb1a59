//! `VersionService.CreateBranch`.

use super::call_id::call_id;
use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, branch, branch_of};
use crate::ops::context::Shared;
use crate::ops::versions::create_branch::{self, NewBranch};
use lakeport_proto::v1::{CreateBranchRequest, CreateBranchResponse};
use std::mem::take;

pub(crate) async fn create_branch(
    ops: &Shared,
    caller: &Caller,
    mut request: CreateBranchRequest,
) -> Result<CreateBranchResponse> {
    let mut fields = Fields::default();
    let request_id = take(&mut request.request_id);
    let id = call_id(&mut fields, request_id, &request);
    let named = branch_of(&mut fields, request.repository, ("branch", request.branch));
    let source = fields.parse("ref", request.r#ref);
    let ((repository, name), source) = fields.done(named.zip(source))?;
    let made = create_branch::create_branch(ops, caller, &id, &NewBranch { repository, name, source }).await?;
    Ok(CreateBranchResponse { branch: Some(branch(made)) })
}
