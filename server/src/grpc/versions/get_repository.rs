//! `VersionService.GetRepository`.

use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, repository};
use crate::ops::context::Shared;
use crate::ops::versions::get_repository;
use lakeport_proto::v1::{GetRepositoryRequest, GetRepositoryResponse};

pub(crate) async fn get_repository(
    ops: &Shared,
    caller: &Caller,
    request: GetRepositoryRequest,
) -> Result<GetRepositoryResponse> {
    let mut fields = Fields::default();
    let id = fields.parse("repository", request.repository);
    let found = get_repository::get_repository(ops, caller, &fields.done(id)?).await?;
    Ok(GetRepositoryResponse { repository: Some(repository(found)) })
}
