//! Parsers for values of flags.

use std::str::FromStr;
use std::time::Duration;

/// `KEY=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair(String, String);

impl FromStr for Pair {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok(Self(key.to_owned(), value.to_owned())),
            _ => Err("expected KEY=VALUE"),
        }
    }
}

/// Converts pairs to a map. If a key is repeated, the last value wins.
pub(crate) fn map<M: FromIterator<(String, String)>>(pairs: Vec<Pair>) -> M {
    pairs.into_iter().map(|Pair(key, value)| (key, value)).collect()
}

/// Parses a duration such as `90s`, `10m`, `24h` or `7d`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let invalid = || format!("{text:?} is not a duration: write a number followed by s, m, h or d, such as 10m");
    let unit = text.chars().last().ok_or_else(invalid)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(invalid()),
    };
    let count: u64 = text[..text.len() - 1].parse().map_err(|_| invalid())?;
    count.checked_mul(seconds).map(Duration::from_secs).ok_or_else(invalid)
}

/// Parses a MIME type such as `text/csv` or `text/html; charset=utf-8`. An empty text means no type.
pub(crate) fn parse_content_type(text: &str) -> Result<String, &'static str> {
    let is_token = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
    let name = text.split(';').next().unwrap_or_default().trim_end();
    let is_name = name.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype));
    let is_printable = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    match text.is_empty() || (is_name && is_printable) {
        true => Ok(text.to_owned()),
        false => Err("expected TYPE/SUBTYPE, such as text/csv"),
    }
}

/// Converts a duration to its protobuf message. `None` if it is too long.
pub(crate) fn proto_duration(duration: Duration) -> Option<prost_types::Duration> {
    prost_types::Duration::try_from(duration).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_may_contain_an_equals_sign() {
        assert_eq!("a=b=c".parse(), Ok(Pair("a".into(), "b=c".into())));
        assert_eq!("a=".parse(), Ok(Pair("a".into(), String::new())));
        assert!("=b".parse::<Pair>().is_err() && "ab".parse::<Pair>().is_err());
    }

    #[test]
    fn content_type_has_a_subtype() {
        for text in ["", "text/csv", "text/html; charset=utf-8", "application/vnd.apache.parquet", "image/svg+xml"] {
            assert_eq!(parse_content_type(text).as_deref(), Ok(text));
        }
        for text in ["csv", "text/", "/csv", "a/b/c", "text /csv", "text/csv\n", "text/ü", " text/csv", ";", " "] {
            assert!(parse_content_type(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn duration_requires_a_unit() {
        assert_eq!(parse_duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("7d"), Ok(Duration::from_secs(604_800)));
        for text in ["", "10", "m", "-1m", "1é", "99999999999999999999d", "9999999999999999999d"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
