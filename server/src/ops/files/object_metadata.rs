//! Rules for the metadata and the content type of an object.

use crate::error::{Error, Result};
use crate::ops::metadata::{check_metadata, check_size};
use std::collections::BTreeMap;

/// Rejects metadata and content types that lakeFS would change or drop.
///
/// # Errors
/// `ReservedName` for a reserved key; `InvalidField`.
pub(in crate::ops) fn check_described(metadata: &BTreeMap<String, String>, content_type: &str) -> Result<()> {
    check_metadata(metadata)?;
    let is_plain = |text: &str| !text.chars().any(char::is_control);
    if !is_plain(content_type) {
        return Err(Error::field("content_type", format!("is {content_type:?}: control characters are not allowed")));
    }
    // lakeFS would parse the bytes of the object as a multipart form.
    if content_type.trim_start().to_ascii_lowercase().starts_with("multipart/") {
        return Err(Error::field(
            "content_type",
            format!("is {content_type:?}: lakeFS cannot store an object with a multipart type"),
        ));
    }
    if content_type.trim() != content_type {
        return Err(Error::field(
            "content_type",
            format!("is {content_type:?}: spaces at its start or end are not allowed"),
        ));
    }
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    if let Some(key) = metadata.keys().find(|key| key.is_empty() || !key.bytes().all(is_word)) {
        let rule = "must consist of lower-case letters, digits, `-`, `_` and `.`: lakeFS drops or changes other keys";
        return Err(Error::field("metadata", format!("key {key:?} {rule}")));
    }
    if let Some((key, _)) = metadata.iter().find(|(_, value)| !is_plain(value) || value.trim() != value.as_str()) {
        let rule = "must not have control characters, or spaces at its start or end: lakeFS would drop them";
        return Err(Error::field("metadata", format!("the value of {key:?} {rule}")));
    }
    check_size(metadata)
}
