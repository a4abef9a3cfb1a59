//! The caller's deadline bounds the whole call, to the end of its answer.

use super::ending::{by, too_late};
use super::refused;
use crate::error::Error;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use std::time::{Duration, Instant};

/// When the caller stops waiting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(pub(super) Instant);

pub(super) async fn bounded(mut request: Request, next: Next) -> Response {
    let Some(header) = request.headers().get("grpc-timeout") else { return next.run(request).await };
    let timeout = match header.to_str().ok().and_then(parse) {
        Some(timeout) => timeout,
        None => {
            let rule = "must be 1 to 8 digits and one of H, M, S, m, u, n";
            return refused(Error::field("grpc-timeout", rule));
        }
    };
    let deadline = Instant::now() + timeout;
    request.extensions_mut().insert(Deadline(deadline));
    match tokio::time::timeout_at(deadline.into(), next.run(request)).await {
        Ok(response) => by(response, tokio::time::sleep_until(deadline.into())),
        Err(_) => refused(too_late()),
    }
}

fn parse(timeout: &str) -> Option<Duration> {
    let unit = timeout.chars().last()?;
    let digits = timeout.strip_suffix(unit)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        'H' => Duration::from_secs(number * 3600),
        'M' => Duration::from_secs(number * 60),
        'S' => Duration::from_secs(number),
        'm' => Duration::from_millis(number),
        'u' => Duration::from_micros(number),
        'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_digits_and_a_unit() {
        assert_eq!(parse("200m"), Some(Duration::from_millis(200)));
        assert_eq!(parse("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for bad in ["", "S", "1", "1x", "-1S", "123456789S", "1é"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
