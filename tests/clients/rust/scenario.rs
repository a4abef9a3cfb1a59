//! The scenarios, as data.

use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::PathBuf;

/// A scenario: see `tests/clients/README.md`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    #[serde(rename = "shows")]
    _shows: String,
    #[serde(default)]
    pub(crate) sandbox: Map<String, Value>,
    pub(crate) steps: Vec<Value>,
}

/// Returns the folder of the suite.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients")
}

/// Returns all scenarios.
///
/// # Errors
/// A file is missing or invalid.
pub(crate) fn all() -> Result<Vec<Scenario>, String> {
    let folder = folder().join("scenarios");
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    let mut scenarios = Vec::new();
    for file in files {
        let at = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let text = std::fs::read_to_string(&file).map_err(|error| at(&error))?;
        scenarios.extend(serde_yaml_ng::from_str::<Vec<Scenario>>(&text).map_err(|error| at(&error))?);
    }
    Ok(scenarios)
}

/// Returns a string argument, or "".
pub(crate) fn text<'a>(arguments: &'a Value, name: &str) -> &'a str {
    arguments[name].as_str().unwrap_or_default()
}

/// Returns a Boolean argument, or false.
pub(crate) fn flag(arguments: &Value, name: &str) -> bool {
    arguments[name].as_bool().unwrap_or_default()
}

/// Returns a number, or 0.
pub(crate) fn number(arguments: &Value, name: &str) -> i64 {
    arguments[name].as_i64().unwrap_or_default()
}

/// Returns a list of strings, or an empty one.
pub(crate) fn texts(arguments: &Value, name: &str) -> Vec<String> {
    let list = arguments[name].as_array().into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Returns a map of strings, or an empty one.
pub(crate) fn map<M: FromIterator<(String, String)>>(arguments: &Value, name: &str) -> M {
    let entries = arguments[name].as_object().into_iter().flatten();
    entries.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}
