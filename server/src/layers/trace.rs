//! A span for each call, under the trace of its caller (W3C trace context), and an ID that the answer carries.

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use rand::RngExt;
use tracing::Instrument;

pub(super) async fn traced(request: Request, next: Next) -> Response {
    let path = request.uri().path().trim_start_matches('/').to_owned();
    let trace_id = request.headers().get("traceparent").and_then(|value| trace_id(value.to_str().ok()?));
    let trace_id = trace_id.unwrap_or_else(|| format!("{:032x}", rand::rng().random::<u128>()));
    let span = tracing::info_span!("rpc", rpc.method = %path, trace_id = %trace_id);
    let mut response = next.run(request).instrument(span).await;
    if let Ok(id) = HeaderValue::from_str(&trace_id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

/// `00-<32 hex digits>-<16 hex digits>-<2 hex digits>`
fn trace_id(traceparent: &str) -> Option<String> {
    let mut parts = traceparent.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length| text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit());
    let is_valid = is_hex(version, 2) && is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2);
    (is_valid && trace.bytes().any(|b| b != b'0')).then(|| trace.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_gone_on_with_only_if_it_is_one() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(trace_id(&format!("00-{trace}-00f067aa0ba902b7-01")).as_deref(), Some(trace));
        for bad in ["", "00-x-y-z", &format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32))] {
            assert_eq!(trace_id(bad), None, "{bad}");
        }
    }
}
