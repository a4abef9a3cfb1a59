//! `FileService.List`.

use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::grpc::convert::{Fields, file_info, prefix, text};
use crate::grpc::parts::parts;
use crate::grpc::token;
use crate::ops::context::Shared;
use crate::ops::files::list;
use crate::ops::files::list::{List, ListPage};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use lakeport_proto::v1::{FileInfo, ListRequest, ListResponse};

pub(crate) async fn list(
    ops: &Shared,
    caller: &Caller,
    mut request: ListRequest,
) -> Result<impl Stream<Item = Result<ListResponse>> + Send + use<>> {
    let page_token = std::mem::take(&mut request.page_token);
    let after = token::read(&request, &page_token)?.unwrap_or_default();
    let key = request.clone();
    let mut fields = Fields::default();
    let place = fields.place(request.repository, request.r#ref, request.transaction_id);
    let prefix = prefix(&mut fields, request.prefix);
    let limit = fields.count("limit", request.limit);
    let max_depth = fields.count("max_depth", request.max_depth.into());
    text(&mut fields, "delimiter", &request.delimiter);
    let glob = fields.optional("match_glob", request.match_glob);
    let (place, (prefix, (limit, max_depth))) = fields.done(place.zip(prefix.zip(limit.zip(max_depth))))?;
    let query = List {
        prefix,
        delimiter: request.delimiter,
        glob,
        max_depth: usize::try_from(max_depth).unwrap_or(usize::MAX),
        limit,
        after,
    };
    let mut listing = list::list(ops, caller, &place, query).await?;
    let commit_id = listing.commit_id().unwrap_or_default();
    // The first page is read before the response starts, so that a missing ref fails the call itself.
    let first = listing.next(ops).await?;
    let state = (ops.clone(), listing, first, key, commit_id);
    let pages = stream::try_unfold(state, async |(ops, mut listing, ready, key, commit_id)| {
        let page = match ready {
            Some(page) => Some(page),
            None => listing.next(&ops).await?,
        };
        let Some(page) = page else { return Ok::<_, Error>(None) };
        let responses = responses(page, &key, &commit_id, ops.limits.message_bytes);
        Ok(Some((stream::iter(responses).map(Ok), (ops, listing, None, key, commit_id))))
    });
    Ok(pages.try_flatten())
}

/// Converts a page to messages, each with a token for the entries after it.
fn responses(page: ListPage, key: &ListRequest, commit_id: &str, limit: usize) -> Vec<ListResponse> {
    let response = |entries, next: Option<&str>| ListResponse {
        next_page_token: next.map(|next| token::make(key, next)).unwrap_or_default(),
        entries,
        commit_id: commit_id.to_owned(),
    };
    let mut parts = parts(page.entries.into_iter().map(file_info), limit);
    // A page without matching entries becomes a message, too: its token contains the progress of the listing.
    let last = parts.pop().unwrap_or_default();
    let after = |entries: &[FileInfo]| entries.last().map(|last| last.path.clone());
    let mut responses: Vec<_> = parts
        .into_iter()
        .map(|entries| {
            let next = after(&entries);
            response(entries, next.as_deref())
        })
        .collect();
    responses.push(response(last, page.next.as_deref()));
    responses
}
