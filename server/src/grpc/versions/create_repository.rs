//! `VersionService.CreateRepository`.

use super::call_id::call_id;
use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, repository};
use crate::ops::context::Shared;
use crate::ops::versions::create_repository::{self, NewRepository};
use lakeport_proto::v1::{CreateRepositoryRequest, CreateRepositoryResponse};
use std::mem::take;

pub(crate) async fn create_repository(
    ops: &Shared,
    caller: &Caller,
    mut request: CreateRepositoryRequest,
) -> Result<CreateRepositoryResponse> {
    let mut fields = Fields::default();
    let request_id = take(&mut request.request_id);
    let id = call_id(&mut fields, request_id, &request);
    let name = fields.parse("repository", request.repository);
    let default_branch = if request.default_branch.is_empty() { "main".to_owned() } else { request.default_branch };
    let default_branch = fields.parse("default_branch", default_branch);
    let (name, default_branch) = fields.done(name.zip(default_branch))?;
    let (storage_namespace, read_only) = (request.storage_namespace, request.read_only);
    let new = NewRepository { name, storage_namespace, default_branch, read_only };
    let made = create_repository::create_repository(ops, caller, &id, &new).await?;
    Ok(CreateRepositoryResponse { repository: Some(repository(made)) })
}
