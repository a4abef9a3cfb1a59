//! `VersionService.DeleteRepository`.

use super::call_id::call_id;
use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::Fields;
use crate::ops::context::Shared;
use crate::ops::versions::delete_repository;
use lakeport_proto::v1::{DeleteRepositoryRequest, DeleteRepositoryResponse};
use std::mem::take;

pub(crate) async fn delete_repository(
    ops: &Shared,
    caller: &Caller,
    mut request: DeleteRepositoryRequest,
) -> Result<DeleteRepositoryResponse> {
    let mut fields = Fields::default();
    let request_id = take(&mut request.request_id);
    let id = call_id(&mut fields, request_id, &request);
    let repository = fields.parse("repository", request.repository);
    delete_repository::delete_repository(ops, caller, &id, &fields.done(repository)?).await?;
    Ok(DeleteRepositoryResponse {})
}
