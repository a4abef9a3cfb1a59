//! Results as they are printed. The keys of the JSON objects are an interface: they are added to, never changed.

pub(crate) mod files;
pub(crate) mod transactions;
pub(crate) mod versions;

use prost_types::Timestamp;
use serde_json::Value;

/// RFC 3339, or null.
fn time(time: Option<&Timestamp>) -> Value {
    time.map_or(Value::Null, |time| Value::String(time.to_string()))
}

/// RFC 3339, or as much space.
fn time_text(time: Option<&Timestamp>) -> String {
    time.map_or_else(|| " ".repeat("2026-01-01T00:00:00Z".len()), ToString::to_string)
}

/// Text, or null where there is none.
fn word(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { Value::String(text.to_owned()) }
}

/// `name: value` lines, of those that have a value.
fn lines(rows: &[(&str, String)]) -> String {
    let rows = rows.iter().filter(|(_, value)| !value.trim().is_empty());
    rows.map(|(name, value)| format!("{name:<17} {value}")).collect::<Vec<_>>().join("\n")
}

/// Pairs in the order of their keys: `a=1 b=2`.
fn pairs(map: &std::collections::HashMap<String, String>) -> String {
    let mut pairs: Vec<_> = map.iter().map(|(key, value)| format!("{key}={value}")).collect();
    pairs.sort();
    pairs.join(" ")
}
