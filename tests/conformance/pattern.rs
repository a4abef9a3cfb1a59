//! Placeholders in recorded texts: filled in in requests, matched and captured in responses.

use serde_json::Value;
use std::collections::BTreeMap;

/// Values of the placeholders in a scenario.
#[derive(Debug, Default)]
pub(crate) struct Bindings(BTreeMap<String, String>);

/// A part of a text with placeholders.
enum Part<'t> {
    Text(&'t str),
    Placeholder(&'t str),
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(end) = rest[start..].find('}') else { break };
        parts.push(Part::Text(&rest[..start]));
        parts.push(Part::Placeholder(&rest[start + 2..start + end]));
        rest = &rest[start + end + 1..];
    }
    parts.push(Part::Text(rest));
    parts
}

impl Bindings {
    pub(crate) fn bind(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Returns the value of a placeholder. `${commit:3[:10]}` is the first 10 characters of the value of `commit:3`.
    fn value(&self, placeholder: &str) -> Option<&str> {
        match placeholder.split_once("[:") {
            None => self.0.get(placeholder).map(String::as_str),
            Some((name, digits)) => {
                let digits: usize = digits.trim_end_matches(']').parse().unwrap();
                self.0.get(name).map(|value| &value[..digits])
            }
        }
    }

    /// Replaces the placeholders in a text with their values. Fails for a placeholder without a value, which an earlier step
    /// should have captured.
    pub(crate) fn fill(&self, text: &str) -> Result<String, String> {
        let filled = parts(text).into_iter().map(|part| match part {
            Part::Text(text) => Ok(text),
            Part::Placeholder(name) => self.value(name).ok_or_else(|| format!("nothing captured for ${{{name}}}")),
        });
        filled.collect()
    }

    /// Returns whether `actual` matches `expected`. Captures the values of placeholders that have no value yet.
    pub(crate) fn matches(&mut self, expected: &Value, actual: &Value) -> bool {
        match (expected, actual) {
            (Value::String(expected), Value::Number(_)) => expected == "${time}",
            (Value::String(expected), Value::String(actual)) => self.matches_text(expected, actual),
            (Value::Array(expected), Value::Array(actual)) => {
                expected.len() == actual.len() && expected.iter().zip(actual).all(|(e, a)| self.matches(e, a))
            }
            (Value::Object(expected), Value::Object(actual)) => {
                expected.len() == actual.len()
                    && expected.iter().all(|(key, e)| actual.get(key).is_some_and(|a| self.matches(e, a)))
            }
            _ => expected == actual,
        }
    }

    pub(crate) fn matches_text(&mut self, expected: &str, actual: &str) -> bool {
        self.matches_parts(&parts(expected), actual)
    }

    fn matches_parts(&mut self, parts: &[Part<'_>], actual: &str) -> bool {
        let Some((first, rest)) = parts.split_first() else { return actual.is_empty() };
        let name = match first {
            Part::Text(text) => return actual.strip_prefix(text).is_some_and(|left| self.matches_parts(rest, left)),
            Part::Placeholder(name) => *name,
        };
        if let Some(value) = self.value(name).map(str::to_owned) {
            return actual.strip_prefix(value.as_str()).is_some_and(|left| self.matches_parts(rest, left));
        }
        let longest_first = (0..=actual.len()).rev().filter(|&at| actual.is_char_boundary(at));
        for at in longest_first {
            let (candidate, left) = actual.split_at(at);
            if self.may_be(name, candidate) && self.matches_parts(rest, left) {
                if !matches!(name, "any" | "httpdate" | "time") {
                    self.bind(name, candidate);
                }
                return true;
            }
        }
        false
    }

    /// Returns whether a placeholder without a value can take this value. Two placeholders of the same kind have different
    /// values.
    fn may_be(&self, name: &str, candidate: &str) -> bool {
        let kind = name.split(':').next().unwrap_or_default();
        let is_fresh = || {
            let mut of_kind = self.0.iter().filter(|(bound, _)| bound.split(':').next() == Some(kind));
            of_kind.all(|(_, value)| value != candidate)
        };
        match kind {
            "any" => true,
            "httpdate" => !candidate.is_empty(),
            "commit" | "metarange" => {
                candidate.len() == 64 && candidate.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) && is_fresh()
            }
            "address" | "token" => !candidate.is_empty() && is_fresh(),
            _ => false,
        }
    }
}

#[test]
fn placeholders_are_captured_once_and_compared_afterwards() {
    let mut bindings = Bindings::default();
    let (a, b) = ("a".repeat(64), "b".repeat(64));
    assert!(bindings.matches_text("<${commit:1}>", &format!("<{a}>")));
    assert!(!bindings.matches_text("${commit:2}", &a), "placeholders with different numbers have different values");
    assert!(bindings.matches_text("${commit:2} ${any}", &format!("{b} whatever")));
    assert!(!bindings.matches_text("${commit:1}", &b));
    assert_eq!(bindings.fill("x/${commit:1[:4]}").unwrap(), "x/aaaa");
    assert!(!bindings.matches(&serde_json::json!({"a": 1}), &serde_json::json!({"a": 1, "b": 2})));
    assert!(bindings.matches(&serde_json::json!("${time}"), &serde_json::json!(7)));
}
