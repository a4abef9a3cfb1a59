//! `VersionService.CreateCommit`.

use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, commit, sorted};
use crate::ops::context::Shared;
use crate::ops::versions::create_commit;
use crate::ops::versions::create_commit::NewCommit;
use lakeport_proto::v1::{CreateCommitRequest, CreateCommitResponse};

pub(crate) async fn create_commit(
    ops: &Shared,
    caller: &Caller,
    request: CreateCommitRequest,
) -> Result<CreateCommitResponse> {
    let mut fields = Fields::default();
    let place = fields.place(request.repository, request.r#ref, request.transaction_id);
    let place = fields.done(place)?;
    let new =
        NewCommit { message: request.message, metadata: sorted(request.metadata), allow_empty: request.allow_empty };
    let made = create_commit::create_commit(ops, caller, &place, new).await?;
    Ok(CreateCommitResponse { commit: Some(commit(made)) })
}
