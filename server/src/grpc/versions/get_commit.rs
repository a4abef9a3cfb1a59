//! `VersionService.GetCommit`.

use crate::error::Result;
use crate::grpc::convert::{Fields, commit};
use crate::ops::{self, Caller, Shared};
use lakeport_proto::v1::{GetCommitRequest, GetCommitResponse};

pub(crate) async fn get_commit(ops: &Shared, caller: &Caller, request: GetCommitRequest) -> Result<GetCommitResponse> {
    let mut fields = Fields::default();
    let place = fields.place(request.repository, request.r#ref, request.transaction_id);
    let found = ops::get_commit(ops, caller, &fields.done(place)?).await?;
    Ok(GetCommitResponse { commit: Some(commit(found)) })
}
