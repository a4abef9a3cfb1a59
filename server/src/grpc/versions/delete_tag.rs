//! `VersionService.DeleteTag`.

use super::call_id::call_id;
use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::Fields;
use crate::ops::context::Shared;
use crate::ops::versions::delete_tag;
use lakeport_proto::v1::{DeleteTagRequest, DeleteTagResponse};
use std::mem::take;

pub(crate) async fn delete_tag(
    ops: &Shared,
    caller: &Caller,
    mut request: DeleteTagRequest,
) -> Result<DeleteTagResponse> {
    let mut fields = Fields::default();
    let request_id = take(&mut request.request_id);
    let id = call_id(&mut fields, request_id, &request);
    let (repository, name) = (fields.parse("repository", request.repository), fields.parse("tag", request.tag));
    let (repository, name) = fields.done(repository.zip(name))?;
    delete_tag::delete_tag(ops, caller, &id, &repository, &name).await?;
    Ok(DeleteTagResponse {})
}
