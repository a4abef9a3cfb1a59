//! Why a command of the project did not get through.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// What xtask's functions answer.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Why a command of the project did not get through. The text is for the person at the terminal.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A command was not there, or the system refused to start it.
    #[error("could not start `{command}`: {source}")]
    Start { command: String, source: std::io::Error },
    /// A command ran and did not succeed; it has said why itself.
    #[error("`{command}` ended with {status}")]
    Ended { command: String, status: ExitStatus },
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    /// An input is not what it should be.
    #[error("{what}: {source}")]
    Json { what: &'static str, source: serde_json::Error },
    /// A check found something.
    #[error("{0}")]
    Found(String),
}

impl Error {
    /// For `map_err` on what `std::fs` answers about `path`.
    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        |source| Self::File { path: path.to_owned(), source }
    }
}

/// Fails with all of `findings`, one a line, or passes if there are none.
pub(crate) fn nothing_found(findings: &[String]) -> Result<()> {
    match findings {
        [] => Ok(()),
        [one] => Err(Error::Found(one.clone())),
        many => Err(Error::Found(format!("{} findings:\n  {}", many.len(), many.join("\n  ")))),
    }
}
