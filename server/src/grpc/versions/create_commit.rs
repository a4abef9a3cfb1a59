//! `VersionService.CreateCommit`.

use super::call_id::call_id;
use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, commit};
use crate::ops::context::Shared;
use crate::ops::versions::create_commit;
use crate::ops::versions::create_commit::NewCommit;
use lakeport_proto::v1::{CreateCommitRequest, CreateCommitResponse};
use std::mem::take;

pub(crate) async fn create_commit(
    ops: &Shared,
    caller: &Caller,
    mut request: CreateCommitRequest,
) -> Result<CreateCommitResponse> {
    let mut fields = Fields::default();
    let request_id = take(&mut request.request_id);
    let id = call_id(&mut fields, request_id, &request);
    let place = fields.place(request.repository, request.r#ref, request.transaction_id);
    let place = fields.done(place)?;
    let new = NewCommit { message: request.message, metadata: request.metadata, allow_empty: request.allow_empty };
    let made = create_commit::create_commit(ops, caller, &id, &place, &new).await?;
    Ok(CreateCommitResponse { commit: Some(commit(made)) })
}
