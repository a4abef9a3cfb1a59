//! Object keys and prefixes of them.

use std::fmt;

/// The longest key that lakeFS stores, in bytes.
const MAX_BYTES: usize = 1024;

/// Why a path or prefix was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    /// An object needs a key.
    #[error("the path is empty: name an object")]
    Empty,
    /// Longer than lakeFS stores.
    #[error("the path has {bytes} bytes: at most 1024 are allowed")]
    TooLong {
        /// What was sent.
        bytes: usize,
    },
    /// A NUL would end the key in some of the stores behind lakeFS.
    #[error("the path contains a NUL byte: remove it")]
    Nul,
}

/// A lakeFS object key: 1 to 1024 bytes of UTF-8, opaque. `..`, `//`, `%2e` and a trailing `/` are data and survive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectPath(String);

/// The beginning of keys: 0 to 1024 bytes of UTF-8, raw. `a` is a prefix of `ab`.
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
    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key, taken out.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl Prefix {
    /// The raw prefix.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it stands for every key.
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
    fn a_key_that_lakefs_cannot_hold_is_refused() {
        assert_eq!(ObjectPath::try_from(""), Err(InvalidPath::Empty));
        assert_eq!(ObjectPath::try_from("a\0b"), Err(InvalidPath::Nul));
        assert_eq!(ObjectPath::try_from("é".repeat(513)), Err(InvalidPath::TooLong { bytes: 1026 }));
        assert!(Prefix::try_from(String::new()).is_ok());
        assert_eq!(Prefix::try_from("x".repeat(1025)), Err(InvalidPath::TooLong { bytes: 1025 }));
    }
}
