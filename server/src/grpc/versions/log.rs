//! `VersionService.Log`.

use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::grpc::convert::{Fields, commit};
use crate::grpc::parts::parts;
use crate::ops::context::Shared;
use crate::ops::versions::log;
use crate::ops::versions::log::LogTarget;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use lakeport_proto::v1::{LogRequest, LogResponse};
use lakeport_types::{ObjectPath, Prefix};
use std::fmt::Display;
use std::ops::RangeInclusive;

/// Unix seconds of the years 1 to 9999, the range of `Timestamp`.
const YEARS: RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// Maximum number of bytes of the paths, and of the prefixes, of a request: they are in one URL.
const MAX_FILTER_BYTES: usize = 16 << 10;

pub(crate) async fn log(
    ops: &Shared,
    caller: &Caller,
    request: LogRequest,
) -> Result<impl Stream<Item = Result<LogResponse>> + Send + use<>> {
    let mut fields = Fields::default();
    let place = fields.place(request.repository, request.r#ref, request.transaction_id);
    let limit = fields.count("limit", request.limit);
    let paths = filters::<ObjectPath>(&mut fields, "paths", request.paths);
    let prefixes = filters::<Prefix>(&mut fields, "prefixes", request.prefixes);
    let stop_at = fields.optional("stop_at_ref", request.stop_at_ref);
    let since = request.since.map(|since| since.seconds);
    if since.is_some_and(|seconds| !YEARS.contains(&seconds)) {
        fields.wrong("since", "must be a time of the years 1 to 9999");
    }
    let (place, limit) = fields.done(place.zip(limit))?;
    let target = LogTarget { limit, first_parent: request.first_parent, paths, prefixes, since, stop_at };
    let mut history = log::log(ops, caller, &place, target).await?;
    let first = history.next(ops).await?;
    let pages = stream::try_unfold((ops.clone(), history, first), async |(ops, mut history, ready)| {
        let page = match ready {
            Some(page) => Some(page),
            None => history.next(&ops).await?,
        };
        let Some(page) = page else { return Ok::<_, Error>(None) };
        Ok(Some((page, (ops, history, None))))
    });
    let limit = ops.limits.message_bytes;
    let messages = pages.map_ok(move |page| stream::iter(parts(page.into_iter().map(commit), limit)).map(Ok));
    Ok(messages.try_flatten().map_ok(|commits| LogResponse { commits }))
}

/// Parses paths or prefixes.
fn filters<T>(fields: &mut Fields, name: &str, given: Vec<String>) -> Vec<String>
where
    T: TryFrom<String> + Display,
    T::Error: Display,
{
    if given.iter().map(String::len).sum::<usize>() > MAX_FILTER_BYTES {
        fields.wrong(name, format!("has more than {MAX_FILTER_BYTES} bytes in total: send fewer"));
        return Vec::new();
    }
    let parsed = given.into_iter().enumerate().map(|(at, text)| fields.parse::<T>(&format!("{name}[{at}]"), text));
    parsed.flatten().map(|parsed| parsed.to_string()).collect()
}
