//! `VersionService.DeleteBranch`.

use super::call_id::call_id;
use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, branch_of};
use crate::ops::context::Shared;
use crate::ops::versions::delete_branch;
use lakeport_proto::v1::{DeleteBranchRequest, DeleteBranchResponse};
use std::mem::take;

pub(crate) async fn delete_branch(
    ops: &Shared,
    caller: &Caller,
    mut request: DeleteBranchRequest,
) -> Result<DeleteBranchResponse> {
    let mut fields = Fields::default();
    let request_id = take(&mut request.request_id);
    let id = call_id(&mut fields, request_id, &request);
    let named = branch_of(&mut fields, request.repository, ("branch", request.branch));
    let (repository, name) = fields.done(named)?;
    delete_branch::delete_branch(ops, caller, &id, &repository, &name).await?;
    Ok(DeleteBranchResponse {})
}
