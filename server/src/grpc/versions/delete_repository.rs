//! `VersionService.DeleteRepository`.

use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::Fields;
use crate::ops::context::Shared;
use crate::ops::versions::delete_repository;
use lakeport_proto::v1::{DeleteRepositoryRequest, DeleteRepositoryResponse};

pub(crate) async fn delete_repository(
    ops: &Shared,
    caller: &Caller,
    request: DeleteRepositoryRequest,
) -> Result<DeleteRepositoryResponse> {
    let mut fields = Fields::default();
    let id = fields.parse("repository", request.repository);
    delete_repository::delete_repository(ops, caller, &fields.done(id)?).await?;
    Ok(DeleteRepositoryResponse {})
}
