//! The deadline of a call, from the `grpc-timeout` header. It applies to the whole call, including the response.

use crate::error::{Error, Kind, Result};
use crate::grpc::methods::Class;
use http::HeaderMap;
use lakeport_waiting::Side;
use std::time::{Duration, Instant};

/// Time before the deadline of the client at which the server responds, so that its response arrives before the client gives up.
/// A tenth of a shorter timeout.
const MARGIN: Duration = Duration::from_millis(100);

/// Returns the deadline of a call; `None` if the client set none and the calls of this kind have no maximum duration.
///
/// # Errors
/// `InvalidField` for a header that is not a timeout.
pub(super) fn of(headers: &HeaderMap, class: Class) -> Result<Option<Instant>> {
    let timeout = match headers.get("grpc-timeout") {
        None => None,
        Some(header) => {
            let timeout = header.to_str().ok().and_then(parse);
            let invalid = || Error::field("grpc-timeout", "must be 1 to 8 digits and one of H, M, S, m, u, n");
            timeout.map(|timeout| timeout.saturating_sub(MARGIN.min(timeout / 10))).ok_or_else(invalid).map(Some)?
        }
    };
    let timeout = [timeout, longest(class)].into_iter().flatten().min();
    Ok(timeout.map(|timeout| Instant::now() + timeout))
}

/// Returns the maximum duration of a call that needs no credentials.
fn longest(class: Class) -> Option<Duration> {
    match class {
        Class::Internal => Some(Duration::from_secs(60)),
        Class::InternalWatch => Some(Duration::from_secs(3600)),
        Class::Unary | Class::Read | Class::Write | Class::Watch | Class::End => None,
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
    fn calls_without_credentials_have_a_maximum_duration() {
        let late = HeaderMap::from_iter([(http::HeaderName::from_static("grpc-timeout"), "9999H".parse().unwrap())]);
        assert_eq!(of(&HeaderMap::new(), Class::Unary).unwrap(), None);
        for headers in [HeaderMap::new(), late] {
            let deadline = of(&headers, Class::Internal).unwrap().unwrap();
            assert!(deadline <= Instant::now() + Duration::from_secs(60));
        }
    }

    proptest::proptest! {
        #[test]
        fn random_timeouts_never_panic(timeout in "[0-9]{0,10}[HMSmunx]?|.{0,12}") {
            parse(&timeout);
        }
    }

    #[test]
    fn a_timeout_is_digits_and_a_unit() {
        assert_eq!(parse("200m"), Some(Duration::from_millis(200)));
        assert_eq!(parse("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for bad in ["", "S", "1", "1x", "-1S", "123456789S", "1é"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
