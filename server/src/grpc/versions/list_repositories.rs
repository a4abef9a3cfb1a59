//! `VersionService.ListRepositories`.

use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, page_size, repository, text};
use crate::grpc::token;
use crate::ops::context::Shared;
use crate::ops::versions::list_repositories;
use lakeport_proto::v1::{ListRepositoriesRequest, ListRepositoriesResponse};

pub(crate) async fn list_repositories(
    ops: &Shared,
    caller: &Caller,
    mut request: ListRepositoriesRequest,
) -> Result<ListRepositoriesResponse> {
    let mut fields = Fields::default();
    let page_token = std::mem::take(&mut request.page_token);
    let after = token::read(&request, &page_token)?.unwrap_or_default();
    let key = request.clone();
    text(&mut fields, "prefix", &request.prefix);
    let size = page_size(&mut fields, request.page_size);
    let size = fields.done(size)?;
    let page = list_repositories::list_repositories(ops, caller, &request.prefix, &after, size).await?;
    Ok(ListRepositoriesResponse {
        next_page_token: page.next.map(|next| token::make(&key, &next)).unwrap_or_default(),
        repositories: page.results.into_iter().map(repository).collect(),
    })
}
