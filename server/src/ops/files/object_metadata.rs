//! Rules for the metadata and the content type of an object.

use crate::error::{Error, Result};
use crate::ops::metadata::check_metadata;
use std::collections::BTreeMap;

/// Keys of an object's metadata at most.
const MAX_KEYS: usize = 256;

/// Bytes of an object's metadata at most: it travels in headers.
const MAX_METADATA: usize = 64 << 10;

/// Refuses what cannot be said of an object, before lakeFS changes or drops it.
///
/// # Errors
/// `ReservedName`; `InvalidField`.
pub(in crate::ops) fn check_described(metadata: &BTreeMap<String, String>, content_type: &str) -> Result<()> {
    check_metadata(metadata)?;
    let is_plain = |text: &str| !text.chars().any(char::is_control);
    if !is_plain(content_type) {
        return Err(Error::field("content_type", format!("is {content_type:?}: it must have no control characters")));
    }
    // lakeFS would take the object out of a form that it looks for in these bytes.
    if content_type.trim_start().to_ascii_lowercase().starts_with("multipart/") {
        return Err(Error::field(
            "content_type",
            format!("is {content_type:?}: lakeFS stores no object of a multipart type"),
        ));
    }
    if content_type.trim() != content_type {
        return Err(Error::field(
            "content_type",
            format!("is {content_type:?}: it must not begin or end with a blank"),
        ));
    }
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    if let Some(key) = metadata.keys().find(|key| key.is_empty() || !key.bytes().all(is_word)) {
        let rule = "must be lower-case letters, digits, `-`, `_` and `.`: lakeFS keeps no others";
        return Err(Error::field("metadata", format!("key {key:?} {rule}")));
    }
    if let Some((key, _)) = metadata.iter().find(|(_, value)| !is_plain(value) || value.trim() != value.as_str()) {
        let rule = "must have no control characters, and no blanks at its ends: lakeFS would drop them";
        return Err(Error::field("metadata", format!("the value of {key:?} {rule}")));
    }
    let bytes: usize = metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
    if metadata.len() > MAX_KEYS || bytes > MAX_METADATA {
        let has = format!("has {} keys and {bytes} bytes", metadata.len());
        return Err(Error::field("metadata", format!("{has}: at most {MAX_KEYS} and {MAX_METADATA}")));
    }
    Ok(())
}
