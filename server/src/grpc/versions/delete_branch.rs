//! `VersionService.DeleteBranch`.

use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, branch_of};
use crate::ops::context::Shared;
use crate::ops::versions::delete_branch;
use lakeport_proto::v1::{DeleteBranchRequest, DeleteBranchResponse};

pub(crate) async fn delete_branch(
    ops: &Shared,
    caller: &Caller,
    request: DeleteBranchRequest,
) -> Result<DeleteBranchResponse> {
    let mut fields = Fields::default();
    let named = branch_of(&mut fields, request.repository, ("branch", request.branch));
    let (repository, name) = fields.done(named)?;
    delete_branch::delete_branch(ops, caller, &repository, &name).await?;
    Ok(DeleteBranchResponse {})
}
