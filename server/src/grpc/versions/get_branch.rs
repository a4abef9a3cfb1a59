//! `VersionService.GetBranch`.

use crate::error::Result;
use crate::grpc::convert::{Fields, branch, branch_of};
use crate::ops::{self, Caller, Shared};
use lakeport_proto::v1::{GetBranchRequest, GetBranchResponse};

pub(crate) async fn get_branch(ops: &Shared, caller: &Caller, request: GetBranchRequest) -> Result<GetBranchResponse> {
    let mut fields = Fields::default();
    let named = branch_of(&mut fields, request.repository, ("branch", request.branch));
    let (repository, name) = fields.done(named)?;
    let found = ops::get_branch(ops, caller, &repository, &name).await?;
    Ok(GetBranchResponse { branch: Some(branch(found)) })
}
