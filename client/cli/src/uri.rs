//! `lakefs://repository/ref/path`, and what else names a source or a destination.

use lakeport_client::Place;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

const SCHEME: &str = "lakefs://";
/// Begins the name of a transaction where a ref may stand. No ref may contain a colon, so it is never one.
const TRANSACTION: &str = "tx:";

/// Why something is no URI of a lake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{uri:?}: {why}; write {form}")]
pub(crate) struct InvalidUri {
    uri: String,
    why: &'static str,
    form: &'static str,
}

/// A version of a repository, or a transaction in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Version {
    /// A branch, tag, commit ID or expression.
    Ref(String),
    /// A transaction, by its ID.
    Transaction(String),
}

/// `lakefs://repository/ref/path` or `lakefs://repository/tx:ID/path`. The path is a key and kept as it is; it may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LakeUri {
    /// Repository.
    pub(crate) repository: String,
    /// Where in it.
    pub(crate) version: Version,
    /// Key, or beginning of keys.
    pub(crate) path: String,
}

/// `lakefs://repository/ref` or `lakefs://repository/tx:ID`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VersionUri {
    /// Repository.
    pub(crate) repository: String,
    /// Where in it.
    pub(crate) version: Version,
}

/// `lakefs://repository/name`, of a branch or a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefUri {
    /// Repository.
    pub(crate) repository: String,
    /// Branch or tag.
    pub(crate) name: String,
}

/// `lakefs://repository`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RepositoryUri(pub(crate) String);

/// What a transfer may read from or write to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    /// `-`: standard input or output.
    Stdio,
    /// A file or directory here.
    Local(PathBuf),
    /// An object or a prefix.
    Lake(LakeUri),
}

impl Version {
    fn parse(word: &str) -> Result<Self, &'static str> {
        match word.strip_prefix(TRANSACTION) {
            Some(id) if is_transaction_id(id) => Ok(Self::Transaction(id.to_owned())),
            Some(_) => Err("a transaction ID has 1 to 64 letters, digits, `_` and `-`"),
            None if word.is_empty() => Err("the ref is missing"),
            None => Ok(Self::Ref(word.to_owned())),
        }
    }
}

fn is_transaction_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// The repository and what stands behind it.
fn split(uri: &str) -> Result<(&str, &str), &'static str> {
    let rest = uri.strip_prefix(SCHEME).ok_or("it does not begin with lakefs://")?;
    match rest.split_once('/').unwrap_or((rest, "")) {
        ("", _) => Err("the repository is missing"),
        parts => Ok(parts),
    }
}

impl FromStr for LakeUri {
    type Err = InvalidUri;

    fn from_str(uri: &str) -> Result<Self, InvalidUri> {
        let parse = || {
            let (repository, rest) = split(uri)?;
            let (version, path) = rest.split_once('/').unwrap_or((rest, ""));
            let version = Version::parse(version)?;
            Ok(Self { repository: repository.to_owned(), version, path: path.to_owned() })
        };
        parse().map_err(|why| InvalidUri { uri: uri.to_owned(), why, form: "lakefs://REPOSITORY/REF/PATH" })
    }
}

impl FromStr for VersionUri {
    type Err = InvalidUri;

    fn from_str(uri: &str) -> Result<Self, InvalidUri> {
        let parse = || {
            let (repository, version) = split(uri)?;
            let version = Version::parse(without_path(version)?)?;
            Ok(Self { repository: repository.to_owned(), version })
        };
        parse().map_err(|why| InvalidUri { uri: uri.to_owned(), why, form: "lakefs://REPOSITORY/REF" })
    }
}

impl FromStr for RefUri {
    type Err = InvalidUri;

    fn from_str(uri: &str) -> Result<Self, InvalidUri> {
        let parse = || {
            let (repository, name) = split(uri)?;
            match Version::parse(without_path(name)?)? {
                Version::Ref(name) => Ok(Self { repository: repository.to_owned(), name }),
                Version::Transaction(_) => Err("a transaction cannot stand here"),
            }
        };
        parse().map_err(|why| InvalidUri { uri: uri.to_owned(), why, form: "lakefs://REPOSITORY/NAME" })
    }
}

impl FromStr for RepositoryUri {
    type Err = InvalidUri;

    fn from_str(uri: &str) -> Result<Self, InvalidUri> {
        let parse = || match split(uri)? {
            (repository, "") => Ok(Self(repository.to_owned())),
            _ => Err("only a repository may stand here"),
        };
        parse().map_err(|why| InvalidUri { uri: uri.to_owned(), why, form: "lakefs://REPOSITORY" })
    }
}

/// A name that may have a slash at its end, as shells and people add.
fn without_path(name: &str) -> Result<&str, &'static str> {
    let name = name.strip_suffix('/').unwrap_or(name);
    if name.contains('/') { Err("no path may stand here") } else { Ok(name) }
}

impl FromStr for Location {
    type Err = InvalidUri;

    fn from_str(text: &str) -> Result<Self, InvalidUri> {
        match text {
            "-" => Ok(Self::Stdio),
            uri if uri.starts_with(SCHEME) => Ok(Self::Lake(uri.parse()?)),
            path => Ok(Self::Local(path.into())),
        }
    }
}

impl LakeUri {
    /// Where its objects are.
    pub(crate) fn place(&self) -> Place {
        place(&self.repository, &self.version)
    }

    /// The same place, with another path.
    pub(crate) fn with_path(&self, path: impl Into<String>) -> Self {
        Self { path: path.into(), ..self.clone() }
    }

    /// Whether both are in the same version of the same repository, or in the same transaction.
    pub(crate) fn is_beside(&self, other: &Self) -> bool {
        self.repository == other.repository && self.version == other.version
    }
}

impl Location {
    /// The key, of an object.
    pub(crate) fn into_path(self) -> Option<String> {
        match self {
            Self::Lake(uri) => Some(uri.path),
            Self::Stdio | Self::Local(_) => None,
        }
    }
}

impl VersionUri {
    /// Where its objects are.
    pub(crate) fn place(&self) -> Place {
        place(&self.repository, &self.version)
    }
}

fn place(repository: &str, version: &Version) -> Place {
    match version {
        Version::Ref(name) => Place::reference(repository, name),
        Version::Transaction(id) => Place::transaction_in(repository, id),
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ref(name) => f.write_str(name),
            Self::Transaction(id) => write!(f, "{TRANSACTION}{id}"),
        }
    }
}

impl fmt::Display for LakeUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}/{}", self.repository, self.version, self.path)
    }
}

impl fmt::Display for VersionUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.repository, self.version)
    }
}

impl fmt::Display for RefUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.repository, self.name)
    }
}

impl fmt::Display for RepositoryUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.0)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdio => f.write_str("-"),
            Self::Local(path) => write!(f, "{}", path.display()),
            Self::Lake(uri) => uri.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_kept_as_it_is() {
        for (uri, path) in [
            ("lakefs://r/main", ""),
            ("lakefs://r/main/", ""),
            ("lakefs://r/main/a/b", "a/b"),
            ("lakefs://r/main//a/", "/a/"),
            ("lakefs://r/main/../x", "../x"),
            ("lakefs://r/main/tx:a", "tx:a"),
        ] {
            let parsed: LakeUri = uri.parse().unwrap();
            assert_eq!((parsed.path.as_str(), parsed.version), (path, Version::Ref("main".into())), "{uri}");
        }
    }

    #[test]
    fn a_transaction_stands_where_a_ref_may() {
        let uri: LakeUri = "lakefs://r/tx:job-1/a".parse().unwrap();
        assert_eq!(uri.version, Version::Transaction("job-1".into()));
        assert_eq!(uri.place(), Place::transaction_in("r", "job-1"));
        assert_eq!(uri.to_string(), "lakefs://r/tx:job-1/a");
    }

    #[test]
    fn what_is_no_uri_says_why() {
        for uri in ["r/main/a", "lakefs://", "lakefs:///main/a", "lakefs://r", "lakefs://r/", "lakefs://r/tx:/a"] {
            assert!(uri.parse::<LakeUri>().is_err(), "{uri}");
        }
        let error = "lakefs://r/tx:a.b/c".parse::<LakeUri>().unwrap_err().to_string();
        assert!(error.contains("transaction ID") && error.contains("lakefs://REPOSITORY/REF/PATH"), "{error}");
    }

    #[test]
    fn names_have_no_paths() {
        assert_eq!("lakefs://r".parse(), Ok(RepositoryUri("r".into())));
        assert_eq!("lakefs://r/".parse(), Ok(RepositoryUri("r".into())));
        assert!("lakefs://r/main".parse::<RepositoryUri>().is_err());
        assert_eq!("lakefs://r/b/".parse(), Ok(RefUri { repository: "r".into(), name: "b".into() }));
        assert!("lakefs://r/b/c".parse::<RefUri>().is_err());
        assert!("lakefs://r/tx:b".parse::<RefUri>().is_err());
        assert!("lakefs://r/tx:b".parse::<VersionUri>().is_ok());
    }

    #[test]
    fn what_is_no_uri_is_a_file() {
        assert_eq!("-".parse(), Ok(Location::Stdio));
        assert_eq!("./-".parse(), Ok(Location::Local("./-".into())));
        assert!(matches!("lakefs://r/m/a".parse(), Ok(Location::Lake(_))));
        assert!("lakefs://r".parse::<Location>().is_err());
    }
}
