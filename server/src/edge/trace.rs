//! The trace of a call (W3C trace context). The response and the requests to lakeFS contain its ID.

use http::{HeaderMap, HeaderName, HeaderValue};
use rand::RngExt;
use tracing::Span;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The trace of a call: its ID (32 hexadecimal digits), and the flags of the client.
pub(super) struct Trace {
    id: String,
    flags: String,
}

impl Trace {
    /// Returns the trace of the client, or a new one.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(TRACEPARENT).and_then(|value| parse(value.to_str().ok()?));
        given.unwrap_or_else(|| Self { id: format!("{:032x}", rand::rng().random::<u128>()), flags: "00".into() })
    }

    /// Creates the logging span of the call.
    pub(super) fn span(&self, method: &str) -> Span {
        tracing::info_span!("rpc", rpc.method = method, trace_id = %self.id)
    }

    /// Returns the trace headers for requests to lakeFS.
    pub(super) fn onward(&self, headers: &HeaderMap) -> HeaderMap {
        let Self { id, flags } = self;
        let parent = format!("00-{id}-{:016x}-{flags}", rand::rng().random::<u64>().max(1));
        let own = [(REQUEST_ID, id), (TRACEPARENT, &parent)];
        let own = own.into_iter().filter_map(|(name, value)| Some((name, HeaderValue::from_str(value).ok()?)));
        own.chain(headers.get(TRACESTATE).map(|state| (TRACESTATE, state.clone()))).collect()
    }

    /// Puts the ID into the headers of the response.
    pub(super) fn report(&self, headers: &mut HeaderMap) {
        if let Ok(id) = HeaderValue::from_str(&self.id) {
            headers.insert(REQUEST_ID, id);
        }
    }
}

/// Parses `00-<32 hex digits>-<16 hex digits>-<2 hex digits>`.
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
    fn only_a_valid_trace_is_continued() {
        assert_eq!(parse(&format!("00-{ID}-00f067aa0ba902b7-01")).unwrap().id, ID);
        for bad in ["", "00-x-y-z", &format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32))] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn requests_to_lakefs_carry_the_trace_in_a_new_span() {
        let trace = parse(&format!("00-{ID}-00f067aa0ba902b7-01")).unwrap();
        let client = HeaderMap::from_iter([(TRACESTATE, HeaderValue::from_static("vendor=1"))]);
        let onward = trace.onward(&client);
        let parent = onward[TRACEPARENT].to_str().unwrap();
        assert!(parent.starts_with(&format!("00-{ID}-")) && parent.ends_with("-01"), "{parent}");
        assert!(!parent.contains("00f067aa0ba902b7"), "the span of the client is reused");
        assert_eq!((onward[REQUEST_ID].to_str().unwrap(), onward[TRACESTATE].to_str().unwrap()), (ID, "vendor=1"));
    }
}
