//! `lakefs://` URIs, and locations of transfers.

use clap::builder::{OsStringValueParser, TryMapValueParser, TypedValueParser as _, ValueParserFactory};
use lakeport_client::Place;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

const SCHEME: &str = "lakefs://";
/// Prefix of a transaction ID in place of a ref. Refs cannot contain a colon, so there is no ambiguity.
const TRANSACTION: &str = "tx:";

/// Prefix of the names of the branches of transactions.
const TRANSACTION_BRANCH: &str = "lakeport-tx-";

/// Paths of standard output.
const STDOUT: [&str; 3] = ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

/// A URI is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{uri:?}: {why}; expected {form}")]
pub(crate) struct InvalidUri {
    uri: String,
    why: &'static str,
    form: &'static str,
}

/// A ref of a repository, or a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Version {
    /// A branch, tag, commit ID or ref expression.
    Ref(String),
    /// The ID of a transaction.
    Transaction(String),
}

/// `lakefs://repository/ref/path` or `lakefs://repository/tx:ID/path`. The path is a key, is never
/// normalised, and may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct LakeUri {
    /// Repository.
    pub(crate) repository: String,
    /// Where in it.
    pub(crate) version: Version,
    /// Key, or prefix of keys.
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

/// `lakefs://repository/name`, where the name is a branch, a tag or another ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefUri {
    /// Repository.
    pub(crate) repository: String,
    /// Ref.
    pub(crate) name: String,
}

/// `lakefs://repository`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RepositoryUri(pub(crate) String);

/// Source or destination of a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Location {
    /// `-`: standard input or output.
    Stdio,
    /// A local file or directory.
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

/// Splits a URI into the repository and the rest after the slash.
fn split(uri: &str) -> Result<(&str, &str), &'static str> {
    let rest = uri.strip_prefix(SCHEME).ok_or("it does not start with lakefs://")?;
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
                Version::Transaction(_) => Err("a transaction is not allowed here"),
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
            _ => Err("only a repository is allowed here"),
        };
        parse().map_err(|why| InvalidUri { uri: uri.to_owned(), why, form: "lakefs://REPOSITORY" })
    }
}

/// Removes a trailing slash, which users and shells may add. Fails if the name contains a path.
fn without_path(name: &str) -> Result<&str, &'static str> {
    let name = name.strip_suffix('/').unwrap_or(name);
    if name.contains('/') { Err("a path is not allowed here") } else { Ok(name) }
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

impl ValueParserFactory for Location {
    type Parser = TryMapValueParser<OsStringValueParser, fn(OsString) -> Result<Self, InvalidUri>>;

    /// Accepts local paths that are not UTF-8.
    fn value_parser() -> Self::Parser {
        OsStringValueParser::new().try_map(|argument| match argument.to_str() {
            Some(text) => text.parse(),
            None if argument.as_encoded_bytes().starts_with(SCHEME.as_bytes()) => {
                let uri = argument.to_string_lossy().into_owned();
                Err(InvalidUri { uri, why: "it is not UTF-8", form: "lakefs://REPOSITORY/REF/PATH" })
            }
            None => Ok(Self::Local(argument.into())),
        })
    }
}

impl LakeUri {
    /// Where its objects are.
    pub(crate) fn place(&self) -> Place {
        place(&self.repository, &self.version)
    }

    /// Replaces the path.
    pub(crate) fn with_path(&self, path: impl Into<String>) -> Self {
        Self { path: path.into(), ..self.clone() }
    }

    /// Returns whether both have the same repository, and the same ref or transaction.
    pub(crate) fn is_same_version(&self, other: &Self) -> bool {
        self.repository == other.repository && self.version == other.version
    }

    /// Returns whether objects of `self` may change when `to` is written. `main$` and `main@` are names of the branch `main`, too,
    /// and the branch of a transaction can be read by its name.
    pub(crate) fn may_contain_writes_to(&self, to: &Self) -> bool {
        let branch = |name: &str| name.trim_end_matches(['$', '@']).to_owned();
        let is_same = match (&self.version, &to.version) {
            (Version::Ref(one), Version::Ref(other)) => branch(one) == branch(other),
            (Version::Ref(name), Version::Transaction(_)) => name.starts_with(TRANSACTION_BRANCH),
            (one, other) => one == other,
        };
        self.repository == to.repository && is_same
    }
}

impl Location {
    /// Returns the location as a destination: the paths of standard output become [`Location::Stdio`], because messages must not be
    /// mixed with its bytes.
    pub(crate) fn into_destination(self) -> Self {
        let is_stdout = |path: &Path| STDOUT.iter().any(|name| path == Path::new(name));
        match self {
            Self::Local(path) if is_stdout(&path) => Self::Stdio,
            other => other,
        }
    }

    /// Returns the path of a lakefs:// URI. `None` for other locations.
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
    fn paths_are_not_normalised() {
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
    fn transaction_replaces_the_ref() {
        let uri: LakeUri = "lakefs://r/tx:job-1/a".parse().unwrap();
        assert_eq!(uri.version, Version::Transaction("job-1".into()));
        assert_eq!(uri.place(), Place::transaction_in("r", "job-1"));
        assert_eq!(uri.to_string(), "lakefs://r/tx:job-1/a");
    }

    #[test]
    fn invalid_uris_are_rejected_with_a_reason() {
        for uri in ["r/main/a", "lakefs://", "lakefs:///main/a", "lakefs://r", "lakefs://r/", "lakefs://r/tx:/a"] {
            assert!(uri.parse::<LakeUri>().is_err(), "{uri}");
        }
        let error = "lakefs://r/tx:a.b/c".parse::<LakeUri>().unwrap_err().to_string();
        assert!(error.contains("transaction ID") && error.contains("lakefs://REPOSITORY/REF/PATH"), "{error}");
    }

    #[test]
    fn repository_and_ref_uris_reject_paths() {
        assert_eq!("lakefs://r".parse(), Ok(RepositoryUri("r".into())));
        assert_eq!("lakefs://r/".parse(), Ok(RepositoryUri("r".into())));
        assert!("lakefs://r/main".parse::<RepositoryUri>().is_err());
        assert_eq!("lakefs://r/b/".parse(), Ok(RefUri { repository: "r".into(), name: "b".into() }));
        assert!("lakefs://r/b/c".parse::<RefUri>().is_err());
        assert!("lakefs://r/tx:b".parse::<RefUri>().is_err());
        assert!("lakefs://r/tx:b".parse::<VersionUri>().is_ok());
    }

    #[test]
    fn location_without_scheme_is_a_local_file() {
        assert_eq!("-".parse(), Ok(Location::Stdio));
        assert_eq!("./-".parse(), Ok(Location::Local("./-".into())));
        assert!(matches!("lakefs://r/m/a".parse(), Ok(Location::Lake(_))));
        assert!("lakefs://r".parse::<Location>().is_err());
    }
}
