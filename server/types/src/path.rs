//! Object keys and prefixes of object keys.

use std::fmt;

/// Maximum length of a key in lakeFS, in bytes.
const MAX_BYTES: usize = 1024;

/// Error for an invalid path or prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    /// The path is empty. Every object has a key of at least one byte.
    #[error("the path is empty: name an object")]
    Empty,
    /// The path or prefix is longer than lakeFS can store.
    #[error("the path has {bytes} bytes: at most 1024 are allowed")]
    TooLong {
        /// Length of the path or prefix, in bytes.
        bytes: usize,
    },
    /// The path or prefix contains a NUL byte. Some of lakeFS's object stores end a key at a NUL.
    #[error("the path contains a NUL byte: remove it")]
    Nul,
}

/// Object key in lakeFS: 1 to 1,024 bytes of UTF-8 without NUL.
///
/// A key is opaque: `..`, `//`, `%2e` and a trailing `/` have no special meaning and are kept unchanged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectPath(String);

/// Prefix of object keys: 0 to 1,024 bytes of UTF-8 without NUL. It is compared byte by byte: `a` is a prefix of `ab`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Prefix(String);

fn check(path: &str) -> Result<(), InvalidPath> {
    match path.len() {
        bytes if bytes > MAX_BYTES => Err(InvalidPath::TooLong { bytes }),
        _ if path.contains('\0') => Err(InvalidPath::Nul),
        _ => Ok(()),
    }
}

impl TryFrom<String> for ObjectPath {
    type Error = InvalidPath;

    fn try_from(path: String) -> Result<Self, InvalidPath> {
        if path.is_empty() {
            return Err(InvalidPath::Empty);
        }
        check(&path).map(|()| Self(path))
    }
}

impl TryFrom<&str> for ObjectPath {
    type Error = InvalidPath;

    fn try_from(path: &str) -> Result<Self, InvalidPath> {
        Self::try_from(path.to_owned())
    }
}

impl TryFrom<String> for Prefix {
    type Error = InvalidPath;

    fn try_from(prefix: String) -> Result<Self, InvalidPath> {
        check(&prefix).map(|()| Self(prefix))
    }
}

impl From<&ObjectPath> for Prefix {
    fn from(path: &ObjectPath) -> Self {
        Self(path.0.clone())
    }
}

impl ObjectPath {
    /// Returns the key as a string slice.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Converts this path into its key.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl Prefix {
    /// Returns the prefix as a string slice.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether the prefix is empty. An empty prefix matches every key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for ObjectPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_opaque() {
        for key in ["a", "/", "..", "../../etc", "a//b", "a/", "%2e%2e", "é", " ", &"x".repeat(1024)] {
            assert_eq!(ObjectPath::try_from(key).unwrap().as_str(), key);
        }
    }

    #[test]
    fn a_key_that_lakefs_cannot_store_is_rejected() {
        assert_eq!(ObjectPath::try_from(""), Err(InvalidPath::Empty));
        assert_eq!(ObjectPath::try_from("a\0b"), Err(InvalidPath::Nul));
        assert_eq!(ObjectPath::try_from("é".repeat(513)), Err(InvalidPath::TooLong { bytes: 1026 }));
        assert!(Prefix::try_from(String::new()).is_ok());
        assert_eq!(Prefix::try_from("x".repeat(1025)), Err(InvalidPath::TooLong { bytes: 1025 }));
    }
}
