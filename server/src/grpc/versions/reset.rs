//! `VersionService.Reset`.

use super::call_id::call_id;
use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, branch, branch_of, prefix};
use crate::ops::context::Shared;
use crate::ops::versions::reset;
use crate::ops::versions::reset::Reset;
use lakeport_lakefs::Staged;
use lakeport_proto::v1::{ResetRequest, ResetResponse};
use std::mem::take;

pub(crate) async fn reset(ops: &Shared, caller: &Caller, mut request: ResetRequest) -> Result<ResetResponse> {
    let said = [&request.target_ref, &request.path, &request.prefix];
    let is_clear = said.iter().filter(|text| !text.is_empty()).count() <= 1;
    let mut fields = Fields::default();
    let request_id = take(&mut request.request_id);
    let id = call_id(&mut fields, request_id, &request);
    if !is_clear {
        fields.wrong("target_ref", "excludes path and prefix, and these exclude each other: set at most one");
    }
    let named = branch_of(&mut fields, request.repository, ("ref", request.r#ref));
    let target = fields.optional("target_ref", request.target_ref);
    let path = fields.optional("path", request.path);
    let below = if request.prefix.is_empty() { None } else { prefix(&mut fields, request.prefix) };
    let (repository, name) = fields.done(named)?;
    let reset = match (target, path, below) {
        (Some(target), ..) => Reset::To(target),
        (None, Some(path), _) => Reset::Uncommitted(Staged::Object(path)),
        (None, None, Some(prefix)) => Reset::Uncommitted(Staged::Below(prefix)),
        (None, None, None) => Reset::Uncommitted(Staged::All),
    };
    let found = reset::reset(ops, caller, &id, (&repository, &name), &reset).await?;
    Ok(ResetResponse { branch: Some(branch(found)) })
}
