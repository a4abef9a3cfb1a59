//! Reserved metadata keys.

use crate::error::{Error, Kind, Result};
use lakeport_types::RESERVED_METADATA_PREFIX;
use std::collections::BTreeMap;

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
