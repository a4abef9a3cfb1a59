//! `VersionService.GetTag`.

use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, tag};
use crate::ops::context::Shared;
use crate::ops::versions::get_tag;
use lakeport_proto::v1::{GetTagRequest, GetTagResponse};

pub(crate) async fn get_tag(ops: &Shared, caller: &Caller, request: GetTagRequest) -> Result<GetTagResponse> {
    let mut fields = Fields::default();
    let (repository, name) = (fields.parse("repository", request.repository), fields.parse("tag", request.tag));
    let (repository, name) = fields.done(repository.zip(name))?;
    let found = get_tag::get_tag(ops, caller, &repository, &name).await?;
    Ok(GetTagResponse { tag: Some(tag(found)) })
}
