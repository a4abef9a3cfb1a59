//! Credentials from lakectl's environment variables and its configuration file.

use crate::{Credentials, Error, Result};
use serde::Deserialize;
use std::io;
use std::path::{Path, PathBuf};

const KEY: &str = "LAKECTL_CREDENTIALS_ACCESS_KEY_ID";
const SECRET: &str = "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY";
const FILE: &str = "LAKECTL_CONFIG_FILE";

/// The part of lakectl's configuration file that lakeport uses. Other keys are ignored.
#[derive(Deserialize, Default)]
struct ConfigFile {
    #[serde(default)]
    credentials: KeyPair,
}

#[derive(Deserialize, Default)]
struct KeyPair {
    #[serde(default)]
    access_key_id: String,
    #[serde(default)]
    secret_access_key: String,
}

/// Reads an environment variable. Tests pass their own function.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Credentials {
    /// Returns the key pair of lakectl, or `None` if there is none: `LAKECTL_CREDENTIALS_ACCESS_KEY_ID` and
    /// `LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY`, else the file in `LAKECTL_CONFIG_FILE`, else `~/.lakectl.yaml`. As in lakectl, a
    /// variable overrides the value in the file.
    ///
    /// # Errors
    /// `InvalidArgument` if the key pair is incomplete, or if the file is invalid, or does not exist although the environment names it.
    pub fn from_lakectl() -> Result<Option<Self>> {
        discover(&|name| std::env::var(name).ok())
    }
}

/// See [`Credentials::from_lakectl`].
pub(crate) fn discover(environment: Environment<'_>) -> Result<Option<Credentials>> {
    let variable = |name| environment(name).unwrap_or_default();
    let mut pair = KeyPair { access_key_id: variable(KEY), secret_access_key: variable(SECRET) };
    if pair.access_key_id.is_empty() || pair.secret_access_key.is_empty() {
        let file = key_pair_of_file(environment)?;
        pair.access_key_id = first(pair.access_key_id, file.access_key_id);
        pair.secret_access_key = first(pair.secret_access_key, file.secret_access_key);
    }
    match (pair.access_key_id.as_str(), pair.secret_access_key.as_str()) {
        ("", "") => Ok(None),
        ("", _) | (_, "") => {
            Err(Error::invalid(&format!("incomplete lakeFS key pair: set both {KEY} and {SECRET}, or neither")))
        }
        (key, secret) => Ok(Some(Credentials::basic(key, secret))),
    }
}

fn first(text: String, otherwise: String) -> String {
    if text.is_empty() { otherwise } else { text }
}

fn key_pair_of_file(environment: Environment<'_>) -> Result<KeyPair> {
    let named = environment(FILE).filter(|path| !path.is_empty());
    let home = || environment("HOME").or_else(|| environment("USERPROFILE")).map(PathBuf::from);
    let path = match &named {
        Some(path) => expand_home(path, home),
        None => match home() {
            Some(home) => home.join(".lakectl.yaml"),
            None => return Ok(KeyPair::default()),
        },
    };
    match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => Ok(KeyPair::default()),
        Err(error) => {
            let what = format!("cannot read lakectl's configuration {}: {error}", path.display());
            Err(Error::invalid(&what).with_source(error))
        }
        Ok(text) => parsed(&text, &path),
    }
}

fn expand_home(path: &str, home: impl Fn() -> Option<PathBuf>) -> PathBuf {
    match (path.strip_prefix("~/"), home()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

fn parsed(text: &str, path: &Path) -> Result<KeyPair> {
    if text.trim().is_empty() {
        return Ok(KeyPair::default());
    }
    let file: ConfigFile = serde_yaml_ng::from_str(text).map_err(|error| {
        // The parser's message may quote a line with the secret. Report only the line number.
        let line = error.location().map(|place| format!(", line {}", place.line())).unwrap_or_default();
        Error::invalid(&format!("{} is not a valid configuration file of lakectl{line}", path.display()))
    })?;
    Ok(file.credentials)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;

    fn found(variables: &[(&str, &str)]) -> Result<Option<Credentials>> {
        let environment =
            |name: &str| variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned());
        discover(&environment)
    }

    fn home(text: &str) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join(".lakectl.yaml"), text).unwrap();
        home
    }

    const YAML: &str = "credentials:\n  access_key_id: K\n  secret_access_key: S\nserver:\n  endpoint_url: http://h\n";

    #[test]
    fn variables_override_the_file() {
        let home = home(YAML);
        let home = ("HOME", home.path().to_str().unwrap());
        let pair = |key, secret| Some(Credentials::basic(key, secret));
        assert_eq!(found(&[home]).unwrap(), pair("K", "S"));
        assert_eq!(found(&[home, (KEY, "k"), (SECRET, "s")]).unwrap(), pair("k", "s"));
        assert_eq!(found(&[home, (SECRET, "s")]).unwrap(), pair("K", "s"));
        assert_eq!(found(&[home, (KEY, ""), (SECRET, "")]).unwrap(), pair("K", "S"));
    }

    #[test]
    fn incomplete_key_pair_is_refused() {
        let incomplete = home("credentials:\n  access_key_id: K\n");
        for variables in [(KEY, "k"), (SECRET, "s"), ("HOME", incomplete.path().to_str().unwrap())] {
            let error = found(&[variables]).unwrap_err();
            assert!(error.code() == Code::InvalidArgument && error.message().contains(SECRET), "{error}");
        }
    }

    #[test]
    fn named_file_must_exist() {
        assert_eq!(found(&[]).unwrap(), None);
        assert_eq!(found(&[("HOME", "/nonexistent")]).unwrap(), None);
        let error = found(&[(FILE, "/nonexistent/x.yaml")]).unwrap_err();
        assert!(error.message().contains("/nonexistent/x.yaml"), "{error}");
        let home = home(YAML);
        let (path, home) = (home.path().join(".lakectl.yaml"), home.path().to_str().unwrap());
        for file in [path.to_str().unwrap(), "~/.lakectl.yaml"] {
            assert!(found(&[(FILE, file), ("HOME", home)]).unwrap().is_some(), "{file}");
        }
    }

    #[test]
    fn file_without_credentials_is_ignored() {
        for text in ["", "server:\n  endpoint_url: http://h\n"] {
            let home = home(text);
            assert_eq!(found(&[("HOME", home.path().to_str().unwrap())]).unwrap(), None, "{text}");
        }
    }

    #[test]
    fn parse_error_does_not_reveal_the_secret() {
        let home = home("credentials: [SECRET\n");
        let error = found(&[("HOME", home.path().to_str().unwrap())]).unwrap_err().to_string();
        assert!(!error.contains("SECRET"), "{error}");
    }
}
