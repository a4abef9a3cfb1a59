//! A span for each call, under the trace of its caller (W3C trace context). Its ID goes back with the answer and on to
//! lakeFS, and to whatever stands before it.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use rand::RngExt;
use tracing::Instrument;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The headers that requests to lakeFS carry on behalf of a call.
#[derive(Debug, Clone)]
pub(super) struct Onward(pub(super) HeaderMap);

/// The trace of a call, as 32 hex digits, and whether it is recorded.
struct Trace {
    id: String,
    flags: String,
}

pub(super) async fn traced(mut request: Request, next: Next) -> Response {
    let path = request.uri().path().trim_start_matches('/').to_owned();
    let given = request.headers().get(TRACEPARENT).and_then(|value| parse(value.to_str().ok()?));
    let trace =
        given.unwrap_or_else(|| Trace { id: format!("{:032x}", rand::rng().random::<u128>()), flags: "00".into() });
    let span = tracing::info_span!("rpc", rpc.method = %path, trace_id = %trace.id);
    let onward = onward(&trace, request.headers().get(TRACESTATE));
    request.extensions_mut().insert(Onward(onward));
    let mut response = next.run(request).instrument(span).await;
    if let Ok(id) = HeaderValue::from_str(&trace.id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

fn onward(trace: &Trace, state: Option<&HeaderValue>) -> HeaderMap {
    let Trace { id, flags } = trace;
    let parent = format!("00-{id}-{:016x}-{flags}", rand::rng().random::<u64>().max(1));
    let ours = [(REQUEST_ID, id), (TRACEPARENT, &parent)];
    let ours = ours.into_iter().filter_map(|(name, value)| Some((name, HeaderValue::from_str(value).ok()?)));
    ours.chain(state.map(|state| (TRACESTATE, state.clone()))).collect()
}

/// `00-<32 hex digits>-<16 hex digits>-<2 hex digits>`
fn parse(traceparent: &str) -> Option<Trace> {
    let mut parts = traceparent.split('-');
    let (version, id, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length| text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit());
    let is_valid = is_hex(version, 2) && is_hex(id, 32) && is_hex(span, 16) && is_hex(flags, 2);
    let trace = Trace { id: id.to_ascii_lowercase(), flags: flags.to_ascii_lowercase() };
    (is_valid && id.bytes().any(|b| b != b'0')).then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn a_trace_is_gone_on_with_only_if_it_is_one() {
        assert_eq!(parse(&format!("00-{ID}-00f067aa0ba902b7-01")).unwrap().id, ID);
        for bad in ["", "00-x-y-z", &format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32))] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn lakefs_is_told_of_the_same_trace_and_of_another_span() {
        let trace = parse(&format!("00-{ID}-00f067aa0ba902b7-01")).unwrap();
        let onward = onward(&trace, Some(&HeaderValue::from_static("vendor=1")));
        let parent = onward[TRACEPARENT].to_str().unwrap();
        assert!(parent.starts_with(&format!("00-{ID}-")) && parent.ends_with("-01"), "{parent}");
        assert!(!parent.contains("00f067aa0ba902b7"), "our span is not our caller's");
        assert_eq!((onward[REQUEST_ID].to_str().unwrap(), onward[TRACESTATE].to_str().unwrap()), (ID, "vendor=1"));
    }
}
