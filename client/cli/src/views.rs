//! Converts results to output records. The JSON keys are a stable interface: keys may be added, but never renamed or removed.

pub(crate) mod files;
pub(crate) mod transactions;
pub(crate) mod versions;

use prost_types::Timestamp;
use serde_json::Value;

/// Formats a time as an RFC 3339 string. `None` becomes null.
fn time(time: Option<&Timestamp>) -> Value {
    time.map_or(Value::Null, |time| Value::String(time.to_string()))
}

/// Formats a time as RFC 3339. `None` becomes spaces, to keep the columns aligned.
fn time_text(time: Option<&Timestamp>) -> String {
    time.map_or_else(|| " ".repeat("2026-01-01T00:00:00Z".len()), ToString::to_string)
}

/// Converts a text to JSON. An empty text becomes null.
fn text_or_null(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { Value::String(text.to_owned()) }
}

/// Formats rows as aligned lines of name and value. Omits empty values.
fn lines(rows: &[(&str, String)]) -> String {
    let rows = rows.iter().filter(|(_, value)| !value.trim().is_empty());
    rows.map(|(name, value)| format!("{name:<17} {value}")).collect::<Vec<_>>().join("\n")
}

/// Formats a map as `a=1 b=2`, sorted by key.
fn pairs(map: &std::collections::HashMap<String, String>) -> String {
    let mut pairs: Vec<_> = map.iter().map(|(key, value)| format!("{key}={value}")).collect();
    pairs.sort();
    pairs.join(" ")
}
