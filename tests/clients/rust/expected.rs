//! Comparison of results with the expected values.

use crate::content::content;
use bytes::Bytes;
use serde_json::Value;
use std::collections::BTreeMap;

/// Result of an operation, or a part of it.
#[derive(Debug, Clone)]
pub(crate) enum Found {
    Value(Value),
    Bytes(Bytes),
    List(Vec<Found>),
    Object(BTreeMap<&'static str, Found>),
}

impl<T: Into<Value>> From<T> for Found {
    fn from(value: T) -> Self {
        Self::Value(value.into())
    }
}

/// Returns an object with these fields.
pub(crate) fn object(fields: impl IntoIterator<Item = (&'static str, Found)>) -> Found {
    Found::Object(fields.into_iter().collect())
}

/// Returns a list of values.
pub(crate) fn list<T: Into<Found>>(items: impl IntoIterator<Item = T>) -> Found {
    Found::List(items.into_iter().map(Into::into).collect())
}

impl Found {
    /// Returns a field as text, a number or a Boolean.
    pub(crate) fn field(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Object(fields) => match fields.get(name)? {
                Self::Value(value) => Some(value),
                _ => None,
            },
            _ => None,
        }
    }

    /// Shows at most 300 characters.
    fn shown(&self) -> String {
        format!("{self:?}").chars().take(300).collect()
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Value(Value::Null) => true,
            Self::Value(Value::String(text)) => text.is_empty(),
            Self::Value(_) => false,
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Object(fields) => fields.is_empty(),
        }
    }
}

/// Returns how a result differs from the expected one.
pub(crate) fn difference(expected: &Value, found: &Found, at: &str) -> Option<String> {
    if let Found::Bytes(bytes) = found {
        return other_bytes(&content(expected), bytes, at);
    }
    if let Some(special) = special(expected, found, at) {
        return special;
    }
    match (expected, found) {
        (Value::Object(fields), Found::Object(found)) => fields.iter().find_map(|(name, expected)| {
            let at = format!("{at}.{name}");
            match found.get(name.as_str()) {
                Some(found) => difference(expected, found, &at),
                None => Some(format!("{at} is missing")),
            }
        }),
        (Value::Array(expected), Found::List(found)) if expected.len() == found.len() => {
            let pairs = expected.iter().zip(found).enumerate();
            pairs
                .into_iter()
                .find_map(|(index, (expected, found))| difference(expected, found, &format!("{at}[{index}]")))
        }
        (Value::Object(fields), Found::Value(Value::Object(found))) => fields.iter().find_map(|(name, expected)| {
            let found = Found::Value(found.get(name).cloned().unwrap_or_default());
            difference(expected, &found, &format!("{at}.{name}"))
        }),
        (expected, Found::Value(found)) if expected == found => None,
        _ => Some(format!("{at} is {}, not {expected}", found.shown())),
    }
}

/// Compares with `{any: true}`, `{has: TEXT}`, `{count: N}`, `{only: X}` and `{each: X}`. Returns `None` for other values.
fn special(expected: &Value, found: &Found, at: &str) -> Option<Option<String>> {
    let fields = expected.as_object().filter(|fields| fields.len() == 1)?;
    let (name, argument) = fields.iter().next()?;
    let unless = |is_equal: bool| (!is_equal).then(|| format!("{at} is {}, not {expected}", found.shown()));
    match (name.as_str(), found) {
        ("any", found) => Some(unless(!found.is_empty())),
        ("only", Found::Value(value)) => Some(unless(value == argument)),
        ("has", Found::Value(Value::String(text))) => Some(unless(text.contains(argument.as_str()?))),
        ("count", Found::List(items)) => Some(unless(Some(items.len() as u64) == argument.as_u64())),
        ("each", Found::List(items)) => {
            let items = items.iter().enumerate();
            Some(items.into_iter().find_map(|(index, item)| difference(argument, item, &format!("{at}[{index}]"))))
        }
        _ => None,
    }
}

fn other_bytes(expected: &[u8], found: &[u8], at: &str) -> Option<String> {
    if expected == found {
        return None;
    }
    let first = expected.iter().zip(found).position(|(expected, found)| expected != found);
    let place = first.map(|offset| format!(", and differs at offset {offset}")).unwrap_or_default();
    Some(format!("{at} has {} bytes, not {}{place}", found.len(), expected.len()))
}
