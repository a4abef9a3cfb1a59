//! `VersionService.Reset`.

use crate::error::Result;
use crate::grpc::convert::{Fields, branch, branch_of};
use crate::ops::{self, Caller, Shared};
use lakeport_proto::v1::{ResetRequest, ResetResponse};

pub(crate) async fn reset(ops: &Shared, caller: &Caller, request: ResetRequest) -> Result<ResetResponse> {
    let mut fields = Fields::default();
    let named = branch_of(&mut fields, request.repository, ("ref", request.r#ref));
    let target = fields.optional("target_ref", request.target_ref);
    let (repository, name) = fields.done(named)?;
    let found = ops::reset(ops, caller, &repository, &name, target.as_ref()).await?;
    Ok(ResetResponse { branch: Some(branch(found)) })
}
