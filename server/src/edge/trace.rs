//! The trace of a call (W3C trace context). The response and the requests to lakeFS contain its ID.

use http::{HeaderMap, HeaderName, HeaderValue};
use rand::RngExt;
use tracing::Span;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Maximum number of headers that a request to lakeFS gets from a trace, and the `authorization` header.
const MAX_HEADERS: usize = 4;

/// The trace of a call: its ID and the flags of the client, in lower-case hexadecimal digits.
pub(super) struct Trace {
    id: [u8; 32],
    flags: [u8; 2],
}

impl Trace {
    /// Returns the trace of the client, or a new one.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(TRACEPARENT).and_then(|value| parse(value.to_str().ok()?));
        given.unwrap_or_else(|| Self { id: digits(rand::rng().random::<[u8; 16]>()), flags: *b"00" })
    }

    fn id(&self) -> &str {
        std::str::from_utf8(&self.id).unwrap_or_default()
    }

    /// Creates the logging span of the call.
    pub(super) fn span(&self, method: &str) -> Span {
        tracing::info_span!("rpc", rpc.method = method, trace_id = %self.id())
    }

    /// Returns the trace headers for requests to lakeFS.
    pub(super) fn onward(&self, headers: &HeaderMap) -> HeaderMap {
        let span: [u8; 16] = digits(rand::rng().random::<u64>().max(1).to_be_bytes());
        let parent = [b"00-", self.id.as_slice(), b"-", &span, b"-", &self.flags].concat();
        let mut onward = HeaderMap::with_capacity(MAX_HEADERS);
        for (name, value) in [(REQUEST_ID, self.id.as_slice()), (TRACEPARENT, &parent)] {
            onward.extend(HeaderValue::from_bytes(value).ok().map(|value| (name, value)));
        }
        onward.extend(headers.get(TRACESTATE).map(|state| (TRACESTATE, state.clone())));
        onward
    }

    /// Puts the ID into the headers of the response.
    pub(super) fn report(&self, headers: &mut HeaderMap) {
        if let Ok(id) = HeaderValue::from_bytes(&self.id) {
            headers.insert(REQUEST_ID, id);
        }
    }
}

/// Writes bytes as hexadecimal digits. `D` is twice the number of bytes.
fn digits<const B: usize, const D: usize>(bytes: [u8; B]) -> [u8; D] {
    let mut digits = [b'0'; D];
    // This fails only for another length.
    let _ = hex::encode_to_slice(bytes, &mut digits);
    digits
}

/// Parses `00-<32 hex digits>-<16 hex digits>-<2 hex digits>`.
fn parse(traceparent: &str) -> Option<Trace> {
    let mut parts = traceparent.split('-');
    let (version, id, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    let is_valid = version.len() == 2 && span.len() == 16 && [version, id, span, flags].into_iter().all(is_hex);
    let lower = |text: &str| text.to_ascii_lowercase().into_bytes();
    let trace = Trace { id: lower(id).try_into().ok()?, flags: lower(flags).try_into().ok()? };
    (is_valid && id.bytes().any(|b| b != b'0')).then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn only_a_valid_trace_is_continued() {
        assert_eq!(parse(&format!("00-{ID}-00f067aa0ba902b7-01")).unwrap().id(), ID);
        for bad in ["", "00-x-y-z", &format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32))] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn random_traces_never_panic(trace in "[0-9a-fA-F]{0,2}(-[0-9a-fA-F]{14,34}){0,3}(-[0-9]{0,3})?|.{0,60}") {
            if let Some(trace) = parse(&trace) {
                proptest::prop_assert!(trace.id().bytes().all(|b| b.is_ascii_hexdigit()));
            }
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
