//! Failures of commands, and their exit codes.

use crate::hints;
use crate::terminal::print_stderr;
use lakeport_client::{Code, Error, ErrorReason};
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// The result of a command.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// Exit code of the process. The numbers are documented in `--help` and are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Success.
    Ok = 0,
    /// Any failure without a specific code, and several failures with different codes.
    Failure = 1,
    /// Invalid command. clap uses the same code.
    Usage = 2,
    /// An object, ref, repository, transaction or file does not exist.
    NotFound = 3,
    /// Something already exists, has changed, or conflicts.
    Conflict = 4,
    /// The credentials are missing, invalid, or lack a permission.
    Denied = 5,
    /// The server is unavailable, or the outcome is unknown. The user can try again.
    Unavailable = 6,
    /// Interrupted by SIGINT.
    Interrupted = 130,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Invalid command.
    #[error("{0}")]
    Usage(String),
    /// The command rejects or skips its input, or the user cancelled it.
    #[error("{0}")]
    Refused(String),
    /// A call to the server failed.
    #[error("{what}: {error}")]
    Server {
        /// The failed operation, such as `read lakefs://lake/main/a`.
        what: String,
        /// The cause.
        error: Box<Error>,
    },
    /// An upload failed, and can be resumed.
    #[error("{failure}")]
    Resumable {
        /// The cause.
        failure: Box<Failure>,
        /// The command that resumes the upload.
        command: String,
    },
    /// A local I/O operation failed.
    #[error("{what}: {error}")]
    Local {
        /// The failed operation.
        what: String,
        /// The cause.
        error: io::Error,
    },
    /// Failures that were already reported one by one.
    #[error("some operations failed")]
    Reported(Exit),
    /// The reader of standard output has closed the pipe. The command stops without a message.
    #[error("standard output is closed")]
    OutputClosed,
    /// SIGINT.
    #[error("interrupted")]
    Interrupted,
}

/// Adds the failed operation to an error.
pub(crate) trait Context<T> {
    /// Adds the failed operation, such as `read lakefs://lake/main/a`.
    fn with_context(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Context<T> for Result<T, Error> {
    fn with_context(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Failure::Server { what: what(), error: Box::new(error) })
    }
}

impl<T> Context<T> for io::Result<T> {
    fn with_context(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Failure::Local { what: what(), error })
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Failure {
    /// Converts the error of a write to standard output.
    pub(crate) fn output(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::Local { what: "write to standard output".to_owned(), error },
        }
    }

    /// Creates the failure for a local file that a copy of several files skips.
    pub(crate) fn skip(path: &Path, why: impl std::fmt::Display) -> Self {
        Self::Refused(format!("skipped {}: {why}", path.display()))
    }

    /// Returns the exit code.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::OutputClosed => Exit::Ok,
            Self::Refused(_) => Exit::Failure,
            Self::Usage(_) => Exit::Usage,
            Self::Interrupted => Exit::Interrupted,
            Self::Reported(exit) => *exit,
            Self::Resumable { failure, .. } => failure.exit(),
            Self::Local { error, .. } => local_exit(error.kind()),
            Self::Server { error, .. } if error.is_response_lost() => Exit::Unavailable,
            Self::Server { error, .. } => server_exit(error.code(), error.reason()),
        }
    }

    /// Returns whether every further operation would fail in the same way.
    pub(crate) fn is_fatal(&self) -> bool {
        match self {
            Self::Server { error, .. } => error.code() == Code::Unauthenticated,
            Self::OutputClosed | Self::Interrupted => true,
            Self::Resumable { failure, .. } => failure.is_fatal(),
            _ => false,
        }
    }

    /// Prints the failed operation, the cause, and a hint to standard error.
    pub(crate) fn report(&self) {
        let reason = match self {
            Self::OutputClosed | Self::Reported(_) => return,
            Self::Resumable { failure, command } => {
                failure.report();
                return print_stderr(format_args!("resume with: {command}"));
            }
            Self::Server { error, .. } => error.reason_name(),
            _ => None,
        };
        match reason {
            Some(reason) => print_stderr(format_args!("lakeport: {self} ({reason})")),
            None => print_stderr(format_args!("lakeport: {self}")),
        }
        if let Self::Server { error, .. } = self {
            // Omit violations that the message already contains.
            let violations = error.field_violations().iter();
            for violation in violations.filter(|violation| !error.message().contains(&violation.description)) {
                print_stderr(format_args!("  {}: {}", violation.field, violation.description));
            }
            if error.is_response_lost() {
                print_stderr(
                    "hint: the response was lost, so the command may have succeeded; retrying cp or tx commit is safe",
                );
            }
            if let Some(hint) = error.reason().and_then(hints::hint) {
                print_stderr(format_args!("hint: {hint}"));
            }
        }
    }
}

fn local_exit(kind: io::ErrorKind) -> Exit {
    match kind {
        io::ErrorKind::NotFound => Exit::NotFound,
        io::ErrorKind::AlreadyExists => Exit::Conflict,
        io::ErrorKind::PermissionDenied => Exit::Denied,
        _ => Exit::Failure,
    }
}

fn server_exit(code: Code, reason: Option<ErrorReason>) -> Exit {
    match (code, reason) {
        (_, Some(ErrorReason::OutcomeUnknown)) => Exit::Unavailable,
        (Code::InvalidArgument, None | Some(ErrorReason::InvalidField | ErrorReason::RefNotABranch)) => Exit::Usage,
        (Code::NotFound, _) => Exit::NotFound,
        (Code::AlreadyExists | Code::FailedPrecondition | Code::Aborted, _) => Exit::Conflict,
        (Code::PermissionDenied | Code::Unauthenticated, _) => Exit::Denied,
        (Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted, _) => Exit::Unavailable,
        _ => Exit::Failure,
    }
}

/// Reports the failures of many operations as they occur, and collects the exit code.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    exit: Option<Exit>,
    has_failed: bool,
}

impl Tally {
    /// Reports a failure. Returns a fatal failure as an error, so that the command stops.
    pub(crate) fn add(&mut self, failure: Failure) -> Result<()> {
        if failure.is_fatal() {
            return Err(failure);
        }
        failure.report();
        self.has_failed |= !matches!(failure, Failure::Refused(_));
        let exit = failure.exit();
        self.exit = Some(self.exit.map_or(exit, |other| if other == exit { exit } else { Exit::Failure }));
        Ok(())
    }

    /// Returns whether an operation failed. False if operations were only skipped.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Returns an error if a failure was added. If all failures had the same exit code, the error has that code, otherwise
    /// [`Exit::Failure`].
    pub(crate) fn finish(self) -> Result<()> {
        self.exit.map_or(Ok(()), |exit| Err(Failure::Reported(exit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_codes_map_to_exit_codes() {
        for (code, reason, exit) in [
            (Code::NotFound, Some(ErrorReason::ObjectNotFound), 3),
            (Code::AlreadyExists, Some(ErrorReason::ObjectExists), 4),
            (Code::FailedPrecondition, Some(ErrorReason::BaseDirty), 4),
            (Code::Aborted, Some(ErrorReason::MergeConflict), 4),
            (Code::PermissionDenied, Some(ErrorReason::BranchProtected), 5),
            (Code::Unauthenticated, Some(ErrorReason::Unauthenticated), 5),
            (Code::Unavailable, Some(ErrorReason::CommitInDoubt), 6),
            (Code::Unavailable, None, 6),
            (Code::Unknown, Some(ErrorReason::OutcomeUnknown), 6),
            (Code::ResourceExhausted, Some(ErrorReason::Overloaded), 6),
            (Code::InvalidArgument, Some(ErrorReason::InvalidField), 2),
            (Code::InvalidArgument, Some(ErrorReason::ChecksumMismatch), 1),
            (Code::Internal, Some(ErrorReason::Internal), 1),
        ] {
            assert_eq!(server_exit(code, reason) as u8, exit, "{code:?} {reason:?}");
        }
        assert_eq!(Failure::Interrupted.exit() as u8, 130);
    }

    #[test]
    fn closed_pipe_exits_with_0() {
        assert_eq!(Failure::output(io::ErrorKind::BrokenPipe.into()).exit(), Exit::Ok);
        assert_eq!(Failure::output(io::ErrorKind::StorageFull.into()).exit(), Exit::Failure);
    }

    #[test]
    fn tally_keeps_the_exit_code_only_if_all_failures_share_it() {
        let missing = || Failure::Local { what: "read a".into(), error: io::ErrorKind::NotFound.into() };
        let mut tally = Tally::default();
        tally.add(missing()).unwrap();
        tally.add(missing()).unwrap();
        assert_eq!(tally.exit, Some(Exit::NotFound));
        tally.add(Failure::skip(Path::new("a"), "no")).unwrap();
        assert_eq!(tally.finish().unwrap_err().exit(), Exit::Failure);
        assert!(Tally::default().finish().is_ok());
    }

    #[test]
    fn skipped_file_is_not_a_failed_operation() {
        let mut tally = Tally::default();
        tally.add(Failure::skip(Path::new("a"), "no")).unwrap();
        assert!(!tally.has_failed());
        tally.add(Failure::Local { what: "write a".into(), error: io::ErrorKind::StorageFull.into() }).unwrap();
        assert!(tally.has_failed());
    }
}
