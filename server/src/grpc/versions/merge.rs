//! `VersionService.Merge`.

use super::call_id::call_id;
use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, branch_of, lakefs_strategy};
use crate::ops::context::Shared;
use crate::ops::versions::merge;
use lakeport_lakefs::NewMerge;
use lakeport_proto::v1::{MergeRequest, MergeResponse, MergeStrategy};
use std::mem::take;

pub(crate) async fn merge(ops: &Shared, caller: &Caller, mut request: MergeRequest) -> Result<MergeResponse> {
    let mut fields = Fields::default();
    let request_id = take(&mut request.request_id);
    let id = call_id(&mut fields, request_id, &request);
    let named = branch_of(&mut fields, request.repository, ("destination_branch", request.destination_branch));
    let source = fields.parse("ref", request.r#ref);
    let strategy: Option<MergeStrategy> = fields.known("strategy", request.strategy);
    let ((repository, destination), (source, strategy)) = fields.done(named.zip(source.zip(strategy)))?;
    let merge = NewMerge {
        message: request.message,
        metadata: request.metadata,
        strategy: lakefs_strategy(strategy),
        squash: request.squash,
        allow_empty: false,
    };
    let commit_id =
        merge::merge(ops, caller, &id, &merge::MergeRequest { repository, source, destination, merge }).await?;
    Ok(MergeResponse { commit_id })
}
