//! `VersionService.GetCommit`.

use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, commit};
use crate::ops::context::Shared;
use crate::ops::versions::get_commit;
use lakeport_proto::v1::{GetCommitRequest, GetCommitResponse};

pub(crate) async fn get_commit(ops: &Shared, caller: &Caller, request: GetCommitRequest) -> Result<GetCommitResponse> {
    let mut fields = Fields::default();
    let place = fields.place(request.repository, request.r#ref, request.transaction_id);
    let found = get_commit::get_commit(ops, caller, &fields.done(place)?).await?;
    Ok(GetCommitResponse { commit: Some(commit(found)) })
}
