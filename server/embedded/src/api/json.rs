//! Fields of a JSON body. A field that is missing or has another type is read as empty.

use serde_json::Value;
use std::collections::BTreeMap;

pub(super) fn text_in(json: &Value, field: &str) -> String {
    json.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

pub(super) fn map_in(json: &Value, field: &str) -> BTreeMap<String, String> {
    let pairs = json.get(field).and_then(Value::as_object).into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}
