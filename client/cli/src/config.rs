//! Credentials of the caller, from lakectl's environment variables or its configuration file.

use crate::failure::{Context as _, Failure, Result};
use lakeport_client::Credentials;
use serde::Deserialize;
use std::io;
use std::path::PathBuf;

const KEY: &str = "LAKECTL_CREDENTIALS_ACCESS_KEY_ID";
const SECRET: &str = "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY";
const FILE: &str = "LAKECTL_CONFIG_FILE";

/// The part of lakectl's configuration file that lakeport uses. Other keys are ignored.
#[derive(Deserialize, Default)]
struct LakectlFile {
    credentials: Option<KeyPair>,
}

#[derive(Deserialize)]
struct KeyPair {
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
}

/// Reads an environment variable. Tests pass their own function.
type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Returns the key pair from the environment, or else from lakectl's configuration file, or else `None`.
///
/// # Errors
/// Only one of the two variables is set; `LAKECTL_CONFIG_FILE` names a file that does not exist; the file is invalid.
pub(crate) fn credentials() -> Result<Option<Credentials>> {
    discover(&|name| std::env::var(name).ok())
}

fn discover(environment: Environment<'_>) -> Result<Option<Credentials>> {
    let pair = |key, secret| Some(Credentials::basic(key, secret));
    let set = |name| environment(name).filter(|value| !value.is_empty());
    match (set(KEY), set(SECRET)) {
        (Some(key), Some(secret)) => return Ok(pair(&key, &secret)),
        (None, None) => {}
        _ => return Err(Failure::Usage(format!("set both {KEY} and {SECRET}, or neither"))),
    }
    let Some(found) = key_pair_of_file(environment)? else { return Ok(None) };
    match (found.access_key_id.as_deref(), found.secret_access_key.as_deref()) {
        (Some(key), Some(secret)) if !key.is_empty() && !secret.is_empty() => Ok(pair(key, secret)),
        _ => Ok(None),
    }
}

fn key_pair_of_file(environment: Environment<'_>) -> Result<Option<KeyPair>> {
    let named = environment(FILE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let is_named = named.is_some();
    let home = || environment("HOME").or_else(|| environment("USERPROFILE"));
    let Some(path) = named.or_else(|| Some(PathBuf::from(home()?).join(".lakectl.yaml"))) else { return Ok(None) };
    let what = || format!("read {}", path.display());
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !is_named => return Ok(None),
        text => text.with_context(what)?,
    };
    if text.trim().is_empty() {
        return Ok(None);
    }
    // The parser's message may quote a line with the secret. Report only the line number.
    let file: LakectlFile = serde_yaml_ng::from_str(&text).map_err(|error| {
        let line = error.location().map(|place| format!(", line {}", place.line())).unwrap_or_default();
        Failure::Refused(format!("{}: not a valid lakectl configuration{line}", what()))
    })?;
    Ok(file.credentials)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn environment_takes_precedence_over_the_file() {
        let home = home(YAML);
        let home = ("HOME", home.path().to_str().unwrap());
        assert_eq!(found(&[home]).unwrap(), Some(Credentials::basic("K", "S")));
        assert_eq!(found(&[home, (KEY, "k"), (SECRET, "s")]).unwrap(), Some(Credentials::basic("k", "s")));
        assert_eq!(found(&[home, (KEY, ""), (SECRET, "")]).unwrap(), Some(Credentials::basic("K", "S")));
    }

    #[test]
    fn incomplete_key_pair_is_a_usage_error() {
        assert!(matches!(found(&[(KEY, "k")]), Err(Failure::Usage(_))));
        assert!(matches!(found(&[(SECRET, "s")]), Err(Failure::Usage(_))));
    }

    #[test]
    fn explicit_configuration_file_must_exist() {
        assert_eq!(found(&[]).unwrap(), None);
        assert_eq!(found(&[("HOME", "/nonexistent")]).unwrap(), None);
        assert!(matches!(found(&[(FILE, "/nonexistent/x.yaml")]), Err(Failure::Local { .. })));
        let other = home(YAML);
        let path = other.path().join(".lakectl.yaml");
        assert_eq!(found(&[(FILE, path.to_str().unwrap())]).unwrap(), Some(Credentials::basic("K", "S")));
    }

    #[test]
    fn file_without_complete_credentials_is_ignored() {
        for text in ["", "server:\n  endpoint_url: http://h\n", "credentials:\n  access_key_id: K\n"] {
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
