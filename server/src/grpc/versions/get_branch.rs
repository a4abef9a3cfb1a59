//! `VersionService.GetBranch`.

use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, branch, branch_of};
use crate::ops::context::Shared;
use crate::ops::versions::get_branch;
use lakeport_proto::v1::{GetBranchRequest, GetBranchResponse};

pub(crate) async fn get_branch(ops: &Shared, caller: &Caller, request: GetBranchRequest) -> Result<GetBranchResponse> {
    let mut fields = Fields::default();
    let named = branch_of(&mut fields, request.repository, ("branch", request.branch));
    let (repository, name) = fields.done(named)?;
    let found = get_branch::get_branch(ops, caller, &repository, &name).await?;
    Ok(GetBranchResponse { branch: Some(branch(found)) })
}
