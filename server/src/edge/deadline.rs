//! The deadline of a call, from the `grpc-timeout` header. It applies to the whole call, including the response.

use crate::error::{Error, Kind, Result};
use http::HeaderMap;
use lakeport_waiting::Side;
use std::time::{Duration, Instant};

/// Time before the deadline of the client at which the server responds, so that its response arrives before the client gives up.
/// A tenth of a shorter timeout.
const MARGIN: Duration = Duration::from_millis(100);

/// Returns the deadline of a call; `None` if the client set none.
///
/// # Errors
/// `InvalidField` for a header that is not a timeout.
pub(super) fn of(headers: &HeaderMap) -> Result<Option<Instant>> {
    let Some(header) = headers.get("grpc-timeout") else { return Ok(None) };
    match header.to_str().ok().and_then(parse) {
        Some(timeout) => Ok(Some(Instant::now() + timeout.saturating_sub(MARGIN.min(timeout / 10)))),
        None => Err(Error::field("grpc-timeout", "must be 1 to 8 digits and one of H, M, S, m, u, n")),
    }
}

/// Returns the error for a call whose deadline passed while it waited for `side`.
pub(super) fn passed(side: Option<Side>) -> Error {
    let message = match side {
        Some(Side::Lakefs) => "lakeFS did not respond before the deadline of the call",
        Some(Side::SessionStore) => "the session store did not respond before the deadline of the call",
        None => "the deadline of the call passed before it completed",
    };
    Error::new(Kind::DeadlineExceeded, message)
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
