//! `FileService.Compose`.

use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::grpc::convert::{Fields, file_info, paths, sorted};
use crate::ops::context::Shared;
use crate::ops::files::batch::check_batch;
use crate::ops::files::compose::{self, Compose, ComposedBytes};
use crate::ops::files::file_info::FileInfo;
use crate::ops::files::store_object::UploadHeader;
use crate::ops::place::Place;
use crate::upload::Checks;
use futures_util::{Stream, stream};
use lakeport_proto::v1::{ComposeRequest, ComposeResponse};
use std::pin::Pin;
use std::time::Duration;

/// Interval of the progress messages. The contract promises one every 5 s, so that proxies keep the stream open.
const PROGRESS: Duration = Duration::from_secs(2);

/// A compose in progress. It advances while its messages are awaited.
type Composing = Pin<Box<dyn Future<Output = Result<FileInfo>> + Send>>;

pub(crate) async fn compose(
    ops: &Shared,
    caller: &Caller,
    request: ComposeRequest,
) -> Result<impl Stream<Item = Result<ComposeResponse>> + Send + use<>> {
    check_batch(request.source_paths.len(), ops.limits.batch_items)?;
    let (place, request) = decode(request)?;
    let composed = ComposedBytes::default();
    let (task_ops, caller, count) = (ops.clone(), caller.clone(), composed.clone());
    let composing: Composing =
        Box::pin(async move { compose::compose(&task_ops, &caller, &place, request, count).await });
    Ok(stream::try_unfold(Some((composing, composed)), async |state| {
        let Some((mut composing, composed)) = state else { return Ok::<_, Error>(None) };
        match tokio::time::timeout(PROGRESS, composing.as_mut()).await {
            Ok(ended) => Ok(Some((message(&composed, Some(ended?)), None))),
            Err(_) => Ok(Some((message(&composed, None), Some((composing, composed))))),
        }
    }))
}

fn message(composed: &ComposedBytes, info: Option<FileInfo>) -> ComposeResponse {
    // A retry that found the destination composed nothing itself.
    let bytes = info.as_ref().map_or_else(|| composed.get(), |info| info.size);
    ComposeResponse { composed_bytes: i64::try_from(bytes).unwrap_or(i64::MAX), info: info.map(file_info) }
}

fn decode(request: ComposeRequest) -> Result<(Place, Compose)> {
    let mut fields = Fields::default();
    let place = fields.place(request.repository.clone(), request.r#ref, request.transaction_id.clone());
    let path = fields.parse("path", request.path);
    let size = match request.size_bytes {
        None => Some(None),
        Some(size) => fields.count("size_bytes", size).map(Some),
    };
    if !["", "*"].contains(&request.if_none_match.as_str()) {
        fields.wrong("if_none_match", "must be empty or *: lakeFS has no other condition for a write");
    }
    if request.source_paths.is_empty() {
        fields.wrong("source_paths", "is empty: name 1 to 10,000 objects");
    }
    let sources = paths(&mut fields, "source_paths", request.source_paths);
    let source_place = match (request.source_ref.is_empty(), request.source_transaction_id.is_empty()) {
        (true, true) => None,
        (false, true) if request.repository.is_empty() => {
            fields.wrong("repository", "is empty: with source_ref, name the repository");
            None
        }
        (_, _) => fields.source_place(request.repository, request.source_ref, request.source_transaction_id),
    };
    let request_id = fields.optional("request_id", request.request_id);
    if request.delete_sources && request_id.is_none() {
        fields.wrong("request_id", "is required with delete_sources: a retry must recognize the first call");
    }
    let (place, (path, size)) = fields.done(place.zip(path.zip(size)))?;
    let header = UploadHeader {
        content_type: request.content_type,
        metadata: sorted(request.metadata),
        create_only: request.if_none_match == "*",
        write_id: None,
        checks: Checks { size, crc32c: request.object_crc32c, md5: None },
    };
    let delete_sources = request.delete_sources;
    Ok((place, Compose { path, header, sources, source_place, delete_sources, request_id }))
}
