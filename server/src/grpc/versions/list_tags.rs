//! `VersionService.ListTags`.

use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, page_size, tag, text};
use crate::grpc::token;
use crate::ops::context::Shared;
use crate::ops::versions::list_tags;
use lakeport_proto::v1::{ListTagsRequest, ListTagsResponse};

pub(crate) async fn list_tags(ops: &Shared, caller: &Caller, mut request: ListTagsRequest) -> Result<ListTagsResponse> {
    let mut fields = Fields::default();
    let page_token = std::mem::take(&mut request.page_token);
    let after = token::read(&request, &page_token)?.unwrap_or_default();
    let key = request.clone();
    let repository = fields.parse("repository", request.repository);
    text(&mut fields, "prefix", &request.prefix);
    let size = page_size(&mut fields, request.page_size);
    let (repository, size) = fields.done(repository.zip(size))?;
    let page = list_tags::list_tags(ops, caller, &repository, &request.prefix, &after, size).await?;
    Ok(ListTagsResponse {
        next_page_token: page.next.map(|next| token::make(&key, &next)).unwrap_or_default(),
        tags: page.results.into_iter().map(tag).collect(),
    })
}
