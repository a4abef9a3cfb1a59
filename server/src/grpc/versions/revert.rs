//! `VersionService.Revert`.

use crate::error::Result;
use crate::grpc::convert::{Fields, branch_of, commit, sorted};
use crate::ops::{self, Caller, Shared};
use lakeport_proto::v1::{RevertRequest, RevertResponse};

pub(crate) async fn revert(ops: &Shared, caller: &Caller, request: RevertRequest) -> Result<RevertResponse> {
    let mut fields = Fields::default();
    let named = branch_of(&mut fields, request.repository, ("branch", request.branch));
    let target = fields.parse("ref", request.r#ref);
    let parent = fields.count("parent_number", request.parent_number.into());
    let ((repository, branch), (target, parent)) = fields.done(named.zip(target.zip(parent)))?;
    let parent = u32::try_from(parent).unwrap_or(u32::MAX);
    let metadata = sorted(request.metadata);
    let made = ops::revert(ops, caller, (&repository, &branch), &target, parent, &request.message, &metadata).await?;
    Ok(RevertResponse { commit: Some(commit(made)) })
}
