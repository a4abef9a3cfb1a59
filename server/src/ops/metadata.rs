//! Reserved keys and limits of metadata.

use crate::error::{Error, Kind, Result};
use lakeport_types::RESERVED_METADATA_PREFIX;
use std::collections::BTreeMap;

/// Maximum number of metadata keys of an object or a commit.
const MAX_KEYS: usize = 256;
/// Maximum size of all metadata keys and values of an object or a commit, in bytes. lakeFS gets those of an object in headers.
const MAX_METADATA: usize = 64 << 10;
/// Maximum size of the message of a commit, in bytes.
const MAX_MESSAGE: usize = 64 << 10;

/// Checks the message and the metadata of a commit.
///
/// # Errors
/// `ReservedName` for a reserved key; `InvalidField` above a limit.
pub(in crate::ops) fn check_commit(message: &str, metadata: &BTreeMap<String, String>) -> Result<()> {
    check_metadata(metadata)?;
    if message.len() > MAX_MESSAGE {
        let description = format!("has {} bytes: at most {MAX_MESSAGE} are allowed", message.len());
        return Err(Error::field("message", description));
    }
    check_size(metadata)
}

/// Checks the number of metadata keys, and the size of all keys and values.
///
/// # Errors
/// `InvalidField` above a limit.
pub(in crate::ops) fn check_size(metadata: &BTreeMap<String, String>) -> Result<()> {
    let bytes: usize = metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
    if metadata.len() > MAX_KEYS || bytes > MAX_METADATA {
        let has = format!("has {} keys and {bytes} bytes", metadata.len());
        return Err(Error::field(
            "metadata",
            format!("{has}: at most {MAX_KEYS} keys and {MAX_METADATA} bytes are allowed"),
        ));
    }
    Ok(())
}

/// Rejects metadata keys that lakeport or lakeFS uses, in upper or lower case.
///
/// # Errors
/// `ReservedName`.
pub(in crate::ops) fn check_metadata(metadata: &BTreeMap<String, String>) -> Result<()> {
    let reserved = |key: &&String| {
        let key = key.to_lowercase();
        key.starts_with(RESERVED_METADATA_PREFIX) || key.starts_with("::lakefs::") || key.starts_with(".lakefs.")
    };
    match metadata.keys().find(reserved) {
        None => Ok(()),
        Some(key) => Err(Error::new(
            Kind::ReservedName,
            format!("metadata key {key:?} is reserved: keys must not begin with lakeport., .lakefs. or ::lakefs::"),
        )),
    }
}
