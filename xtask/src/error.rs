//! The errors of xtask.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;

pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Reason why an xtask command failed, written for the user at the terminal.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A command does not exist, or the system could not start it.
    #[error("could not start `{command}`: {source}")]
    Start { command: String, source: std::io::Error },
    /// A command exited with an error. Its own output explains the reason.
    #[error("`{command}` ended with {status}")]
    Ended { command: String, status: ExitStatus },
    /// A file operation failed.
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    /// JSON input could not be parsed.
    #[error("{what}: {source}")]
    Json { what: &'static str, source: serde_json::Error },
    /// A check failed.
    #[error("{0}")]
    Check(String),
}

impl Error {
    /// Returns a function that adds `path` to an I/O error, for `map_err`.
    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        |source| Self::File { path: path.to_owned(), source }
    }

    /// Returns a function that adds what to do to the error of a command that could not be started, for `map_err`.
    pub(crate) fn hint(advice: &str) -> impl FnOnce(Self) -> Self + '_ {
        move |error| match error {
            Self::Start { .. } => Self::Check(format!("{error}: {advice}")),
            other => other,
        }
    }
}

/// Fails with all `findings`, one per line. Returns `Ok` if there are no findings.
pub(crate) fn fail_on_findings(findings: &[String]) -> Result<()> {
    match findings {
        [] => Ok(()),
        [one] => Err(Error::Check(one.clone())),
        many => Err(Error::Check(format!("{} findings:\n  {}", many.len(), many.join("\n  ")))),
    }
}
