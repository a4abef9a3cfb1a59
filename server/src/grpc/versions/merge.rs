//! `VersionService.Merge`.

use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, branch_of, lakefs_strategy, sorted};
use crate::ops::context::Shared;
use crate::ops::versions::merge;
use lakeport_lakefs::NewMerge;
use lakeport_proto::v1::{MergeRequest, MergeResponse, MergeStrategy};

pub(crate) async fn merge(ops: &Shared, caller: &Caller, request: MergeRequest) -> Result<MergeResponse> {
    let mut fields = Fields::default();
    let named = branch_of(&mut fields, request.repository, ("destination_branch", request.destination_branch));
    let source = fields.parse("ref", request.r#ref);
    let strategy: Option<MergeStrategy> = fields.known("strategy", request.strategy);
    let ((repository, destination), (source, strategy)) = fields.done(named.zip(source.zip(strategy)))?;
    let merge = NewMerge {
        message: request.message,
        metadata: sorted(request.metadata),
        strategy: lakefs_strategy(strategy),
        squash: request.squash,
        allow_empty: false,
    };
    let commit_id = merge::merge(ops, caller, &merge::MergeRequest { repository, source, destination, merge }).await?;
    Ok(MergeResponse { commit_id })
}
