//! `VersionService.CreateTag`.

use super::call_id::call_id;
use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, tag};
use crate::ops::context::Shared;
use crate::ops::versions::create_tag::{self, NewTag};
use lakeport_proto::v1::{CreateTagRequest, CreateTagResponse};
use std::mem::take;

pub(crate) async fn create_tag(
    ops: &Shared,
    caller: &Caller,
    mut request: CreateTagRequest,
) -> Result<CreateTagResponse> {
    let mut fields = Fields::default();
    let request_id = take(&mut request.request_id);
    let id = call_id(&mut fields, request_id, &request);
    let (repository, name) = (fields.parse("repository", request.repository), fields.parse("tag", request.tag));
    let target = fields.parse("ref", request.r#ref);
    let ((repository, name), target) = fields.done(repository.zip(name).zip(target))?;
    let made = create_tag::create_tag(ops, caller, &id, &NewTag { repository, name, target }).await?;
    Ok(CreateTagResponse { tag: Some(tag(made)) })
}
