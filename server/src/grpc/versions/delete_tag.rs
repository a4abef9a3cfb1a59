//! `VersionService.DeleteTag`.

use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::Fields;
use crate::ops::context::Shared;
use crate::ops::versions::delete_tag;
use lakeport_proto::v1::{DeleteTagRequest, DeleteTagResponse};

pub(crate) async fn delete_tag(ops: &Shared, caller: &Caller, request: DeleteTagRequest) -> Result<DeleteTagResponse> {
    let mut fields = Fields::default();
    let (repository, name) = (fields.parse("repository", request.repository), fields.parse("tag", request.tag));
    let (repository, name) = fields.done(repository.zip(name))?;
    delete_tag::delete_tag(ops, caller, &repository, &name).await?;
    Ok(DeleteTagResponse {})
}
