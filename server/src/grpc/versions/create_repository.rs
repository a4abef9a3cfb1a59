//! `VersionService.CreateRepository`.

use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, repository};
use crate::ops::context::Shared;
use crate::ops::versions::create_repository;
use lakeport_proto::v1::{CreateRepositoryRequest, CreateRepositoryResponse};

pub(crate) async fn create_repository(
    ops: &Shared,
    caller: &Caller,
    request: CreateRepositoryRequest,
) -> Result<CreateRepositoryResponse> {
    let mut fields = Fields::default();
    let id = fields.parse("repository", request.repository);
    let default_branch = if request.default_branch.is_empty() { "main".to_owned() } else { request.default_branch };
    let default_branch = fields.parse("default_branch", default_branch);
    let (id, default_branch) = fields.done(id.zip(default_branch))?;
    let (namespace, read_only) = (&request.storage_namespace, request.read_only);
    let made = create_repository::create_repository(ops, caller, &id, namespace, &default_branch, read_only).await?;
    Ok(CreateRepositoryResponse { repository: Some(repository(made)) })
}
