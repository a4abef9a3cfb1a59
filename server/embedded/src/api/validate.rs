//! Validation of requests before authentication, with the error messages of lakeFS.

use super::RequestBody;
use super::query::{Query, unescape};
use crate::{Error, Result};
use http::{HeaderMap, header};
use serde_json::Value;

/// Query parameter or header with a validation rule.
#[derive(Debug)]
pub(super) struct Param {
    name: &'static str,
    is_header: bool,
    kind: Kind,
    required: bool,
}

/// Type of a parameter.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    /// Page size, -1 to 1000.
    Amount,
    Bool,
    Choice(&'static [&'static str]),
    DateTime,
    /// `Range` header, by lakeFS's grammar.
    Range,
    /// Text that lakeFS percent-decodes.
    Escaped,
}

/// Schema of a JSON body.
#[derive(Debug)]
pub(super) struct Schema {
    name: &'static str,
    fields: &'static [(&'static str, Shape, bool)],
    required: bool,
    /// Whether the body is a list of `{"pattern": …}` instead of an object.
    is_pattern_list: bool,
}

/// Type of a field.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    Any,
    Bool,
    Choice(&'static [&'static str]),
    Integer,
    Namespace,
    RepositoryName,
    Text,
    TextList,
    TextMap,
}

impl Param {
    pub(super) const fn query(name: &'static str, kind: Kind) -> Self {
        Self { name, is_header: false, kind, required: false }
    }

    pub(super) const fn header(name: &'static str, kind: Kind) -> Self {
        Self { name, is_header: true, kind, required: false }
    }

    pub(super) const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    fn refuse(&self, what: &str) -> Error {
        let place = if self.is_header { "header" } else { "query" };
        Error::invalid(format!("parameter \"{}\" in {place} has an error: {what}", self.name))
    }

    fn check(&self, query: &Query, headers: &HeaderMap) -> Result<()> {
        let value = if self.is_header {
            headers.get(self.name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        } else {
            query.all(self.name).next().map(|value| String::from_utf8_lossy(value).into_owned())
        };
        let Some(value) = value else {
            return if self.required { Err(self.refuse("value is required but missing")) } else { Ok(()) };
        };
        if value.is_empty() && (self.required || self.is_header) {
            return Err(self.refuse("empty value is not allowed"));
        }
        if value.is_empty() && matches!(self.kind, Kind::Text) {
            return Ok(());
        }
        if value.is_empty() || (!self.is_header && query.all(self.name).nth(1).is_some()) {
            let name = self.name;
            return Err(Error::Unbound(format!(
                "Invalid format for parameter {name}: multiple values for single value parameter '{name}'"
            )));
        }
        self.check_kind(&value)
    }

    fn check_kind(&self, value: &str) -> Result<()> {
        match self.kind {
            Kind::Text => Ok(()),
            Kind::Amount => match value.parse::<i64>() {
                Ok(1001..) => Err(self.refuse("number must be at most 1000\nSchema:")),
                Ok(..-1) => Err(self.refuse("number must be at least -1\nSchema:")),
                Ok(_) => Ok(()),
                Err(_) => Err(self.refuse(&format!("value {value}: an invalid integer: invalid syntax"))),
            },
            Kind::Bool => match value {
                "true" | "false" | "1" | "0" | "t" | "f" | "T" | "F" | "TRUE" | "FALSE" | "True" | "False" => Ok(()),
                _ => Err(self.refuse(&format!("value {value}: an invalid boolean: invalid syntax"))),
            },
            Kind::Choice(allowed) if allowed.contains(&value) => Ok(()),
            Kind::Choice(allowed) => Err(self.refuse(&not_allowed(allowed))),
            Kind::DateTime if is_date_time(value) => Ok(()),
            Kind::DateTime => Err(self.refuse(&format!(
                "string doesn't match the format \"date-time\": string doesn't match pattern \"{DATE_TIME}\""
            ))),
            Kind::Range if is_range(value) => Ok(()),
            Kind::Range => Err(self.refuse(&no_match(r"^bytes=((\d*-\d*,? ?)+)$"))),
            Kind::Escaped => match broken_escape(value) {
                None => Ok(()),
                Some(escape) => Err(Error::Unbound(undecodable(self.name, escape))),
            },
        }
    }
}

const DATE_TIME: &str = "^[0-9]{4}-(0[1-9]|10|11|12)-(0[1-9]|[12][0-9]|3[01])T([0-1][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\\.[0-9]+)?(Z|(\\+|-)[0-9]{2}:[0-9]{2})?$";

fn is_date_time(value: &str) -> bool {
    time::OffsetDateTime::parse(value, &time::format_description::well_known::Rfc3339).is_ok()
}

/// Returns whether a value matches `^bytes=((\d*-\d*,? ?)+)$`.
fn is_range(value: &str) -> bool {
    let Some(ranges) = value.strip_prefix("bytes=") else { return false };
    let bytes: Vec<u8> = ranges.bytes().collect();
    let mut at = 0;
    while at < bytes.len() {
        let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        at += digits(at);
        if bytes.get(at) != Some(&b'-') {
            return false;
        }
        at += 1;
        at += digits(at);
        at += usize::from(bytes.get(at) == Some(&b','));
        at += usize::from(bytes.get(at) == Some(&b' '));
    }
    !bytes.is_empty()
}

fn no_match(pattern: &str) -> String {
    format!("string doesn't match the regular expression \"{pattern}\"\nSchema:")
}

fn not_allowed(allowed: &[&str]) -> String {
    let allowed: Vec<String> = allowed.iter().map(|value| format!("\"{value}\"")).collect();
    format!("value is not one of the allowed values [{}]\nSchema:", allowed.join(","))
}

fn undecodable(name: &str, escape: &str) -> String {
    format!(
        "Invalid format for parameter {name}: error unescaping query parameter '{name}': invalid URL escape \"{escape}\""
    )
}

/// Returns the first `%` that is not followed by two hex digits, together with the characters after it.
fn broken_escape(value: &str) -> Option<&str> {
    value.match_indices('%').find_map(|(at, _)| {
        let is_whole = value.as_bytes().get(at + 1..at + 3).is_some_and(|digits| hex::decode(digits).is_ok());
        (!is_whole).then(|| value.get(at..at + 3).unwrap_or(&value[at..]))
    })
}

/// Validates the path parameters (name and raw value), the query and the headers of a request.
pub(super) fn parameters(path: &[(&str, &str)], params: &[Param], query: &Query, headers: &HeaderMap) -> Result<()> {
    for (name, value) in path {
        if value.is_empty() {
            let message = format!("parameter \"{name}\" in path has an error: value is required but missing");
            return Err(Error::invalid(message));
        }
    }
    params.iter().try_for_each(|param| param.check(query, headers))
}

/// Decodes path parameters by the rules for queries, as lakeFS does.
pub(super) fn decode(path: &[(&str, &str)]) -> Result<Vec<String>> {
    let decoded = path.iter().map(|(name, raw)| {
        let decoded =
            unescape(raw).ok_or_else(|| Error::Unbound(undecodable(name, broken_escape(raw).unwrap_or_default())))?;
        Ok(String::from_utf8_lossy(&decoded).into_owned())
    });
    decoded.collect()
}

impl Schema {
    pub(super) const fn of(name: &'static str, fields: &'static [(&'static str, Shape, bool)]) -> Self {
        Self { name, fields, required: true, is_pattern_list: false }
    }

    pub(super) const fn optional(name: &'static str, fields: &'static [(&'static str, Shape, bool)]) -> Self {
        Self { name, fields, required: false, is_pattern_list: false }
    }

    pub(super) const fn list_of_patterns() -> Self {
        Self { name: "", fields: &[], required: true, is_pattern_list: true }
    }

    fn check(&self, value: &Value) -> Result<()> {
        let refuse = |what: &str| {
            let name = self.name;
            refused(&format!("doesn't match schema #/components/schemas/{name}: {what}\nSchema:"))
        };
        if self.is_pattern_list {
            return check_patterns(value);
        }
        let object = match value {
            Value::Object(object) => object,
            Value::Null => return Err(refuse("Value is not nullable")),
            _ => return Err(refuse("value must be an object")),
        };
        for (field, shape, _) in self.fields {
            if let Some(value) = object.get(*field)
                && let Err((at, what)) = shape.check(value)
            {
                return Err(refuse(&format!("Error at \"/{field}{at}\": {what}")));
            }
        }
        match self.fields.iter().find(|(field, _, required)| *required && !object.contains_key(*field)) {
            Some((field, ..)) => Err(refuse(&format!("Error at \"/{field}\": property \"{field}\" is missing"))),
            None => Ok(()),
        }
    }
}

fn check_patterns(value: &Value) -> Result<()> {
    let patterns = value.as_array().ok_or_else(|| refused("doesn't match schema: value must be an array\nSchema:"))?;
    for (at, rule) in patterns.iter().enumerate() {
        if rule.get("pattern").and_then(Value::as_str).is_none_or(str::is_empty) {
            return Err(refused(&format!(
                "doesn't match schema: Error at \"/{at}/pattern\": minimum string length is 1\nSchema:"
            )));
        }
    }
    Ok(())
}

impl Shape {
    /// Checks a value. The error has two parts: a JSON pointer, relative to this value, and a message.
    fn check(self, value: &Value) -> std::result::Result<(), (String, String)> {
        let here = |what: &str| Err((String::new(), what.to_owned()));
        match (self, value) {
            (Self::Any, _) | (Self::Bool, Value::Bool(_)) | (Self::Text, Value::String(_)) => Ok(()),
            (Self::Integer, Value::Number(number)) if number.is_i64() || number.is_u64() => Ok(()),
            (Self::Choice(allowed), Value::String(value)) if allowed.contains(&value.as_str()) => Ok(()),
            (Self::Choice(allowed), Value::String(_)) => here(not_allowed(allowed).trim_end_matches("\nSchema:")),
            (Self::RepositoryName, Value::String(name)) => {
                match lakeport_types::RepositoryId::try_from(name.as_str()) {
                    Ok(_) => Ok(()),
                    Err(_) => here("string doesn't match the regular expression \"^[a-z0-9][a-z0-9-]{2,62}$\""),
                }
            }
            (Self::Namespace, Value::String(namespace)) => {
                let schemes = ["s3://", "gs://", "http://", "https://", "mem://", "local://", "transient://"];
                if schemes.iter().any(|scheme| namespace.starts_with(scheme)) {
                    return Ok(());
                }
                here("string doesn't match the regular expression \"^(s3|gs|https?|mem|local|transient)://.*$\"")
            }
            (Self::TextList, Value::Array(items)) => match items.iter().position(|item| !item.is_string()) {
                None => Ok(()),
                Some(at) => Err((format!("/{at}"), "value must be a string".into())),
            },
            (Self::TextMap, Value::Object(map)) => match map.iter().find(|(_, value)| !value.is_string()) {
                None => Ok(()),
                Some((key, _)) => Err((format!("/{key}"), "value must be a string".into())),
            },
            (Self::Bool, _) => here("value must be a boolean"),
            (Self::Integer, _) => here("value must be an integer"),
            (Self::TextList, _) => here("value must be an array"),
            (Self::TextMap, _) => here("value must be an object"),
            _ => here("value must be a string"),
        }
    }
}

fn refused(what: &str) -> Error {
    Error::invalid(format!("request body has an error: {what}"))
}

/// Reads and validates a JSON body of at most `limit` bytes.
pub(super) async fn body(schema: &Schema, headers: &HeaderMap, body: RequestBody, limit: usize) -> Result<Value> {
    let bytes = body.collect_up_to(limit).await?;
    if bytes.is_empty() && !schema.required {
        return Ok(Value::Null);
    }
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if bytes.is_empty() {
        return Err(refused("value is required but missing"));
    }
    if content_type.split(';').next().map(str::trim) != Some("application/json") {
        return Err(refused(&format!("header Content-Type has unexpected value \"{content_type}\"")));
    }
    let value =
        serde_json::from_slice(&bytes).map_err(|error| refused(&format!("failed to decode request body: {error}")))?;
    schema.check(&value)?;
    Ok(value)
}
