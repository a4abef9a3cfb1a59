//! What can go wrong, and what the shell is told about it.

use crate::hints;
use crate::terminal::print_stderr;
use lakeport_client::{Code, Error, ErrorReason};
use std::io;
use std::process::ExitCode;

/// The result of a command.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// What the shell is told. The numbers are documented in `--help` and do not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Ok = 0,
    /// Anything that has no number of its own, and several failures of different kinds.
    Failure = 1,
    /// The command makes no sense. clap's number too.
    Usage = 2,
    /// Something is not there.
    NotFound = 3,
    /// Something is there already, has changed, or conflicts.
    Conflict = 4,
    /// The credentials are missing, wrong, or do not suffice.
    Denied = 5,
    /// Nobody answers, or it is not known whether it was done: try again.
    Unavailable = 6,
    /// Interrupted by SIGINT.
    Interrupted = 130,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command makes no sense.
    #[error("{0}")]
    Usage(String),
    /// Something that is neither the server's nor the system's doing.
    #[error("{0}")]
    Refused(String),
    /// The server, or the way to it.
    #[error("{what}: {error}")]
    Server {
        /// What failed.
        what: String,
        /// Why.
        error: Box<Error>,
    },
    /// The system.
    #[error("{what}: {error}")]
    Local {
        /// What failed.
        what: String,
        /// Why.
        error: io::Error,
    },
    /// Failures that were reported one by one.
    #[error("some objects failed")]
    Reported(Exit),
    /// Nobody reads standard output any more; there is nothing left to do, and nothing to say.
    #[error("standard output is closed")]
    OutputClosed,
    /// SIGINT.
    #[error("interrupted")]
    Interrupted,
}

/// Says what failed.
pub(crate) trait While<T> {
    /// Names what failed, such as `read lakefs://lake/main/a`.
    ///
    /// # Errors
    /// The same as before, with that name.
    fn during(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T> While<T> for Result<T, Error> {
    fn during(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Failure::Server { what: what(), error: Box::new(error) })
    }
}

impl<T> While<T> for io::Result<T> {
    fn during(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Failure::Local { what: what(), error })
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Failure {
    /// A failed write to standard output.
    pub(crate) fn output(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::Local { what: "write to standard output".to_owned(), error },
        }
    }

    /// What the shell is told.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::OutputClosed => Exit::Ok,
            Self::Refused(_) => Exit::Failure,
            Self::Usage(_) => Exit::Usage,
            Self::Interrupted => Exit::Interrupted,
            Self::Reported(exit) => *exit,
            Self::Local { error, .. } => local_exit(error.kind()),
            Self::Server { error, .. } if error.is_response_lost() => Exit::Unavailable,
            Self::Server { error, .. } => server_exit(error.code(), error.reason()),
        }
    }

    /// Whether every further object would fail in the same way.
    pub(crate) fn is_hopeless(&self) -> bool {
        match self {
            Self::Server { error, .. } => error.code() == Code::Unauthenticated,
            Self::OutputClosed | Self::Interrupted => true,
            _ => false,
        }
    }

    /// Says on standard error what failed, why, and what may help.
    pub(crate) fn report(&self) {
        let reason = match self {
            Self::OutputClosed | Self::Reported(_) => return,
            Self::Server { error, .. } => error.reason_name(),
            _ => None,
        };
        match reason {
            Some(reason) => print_stderr(format_args!("lakeport: {self} ({reason})")),
            None => print_stderr(format_args!("lakeport: {self}")),
        }
        if let Self::Server { error, .. } = self {
            // As far as the message does not say it already.
            let violations = error.field_violations().iter();
            for violation in violations.filter(|violation| !error.message().contains(&violation.description)) {
                print_stderr(format_args!("  {}: {}", violation.field, violation.description));
            }
            if error.is_response_lost() {
                print_stderr(
                    "hint: the answer was lost, so it may have been done: copies and commits of transactions can be run again",
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

/// Failures of many objects, reported as they come.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    exit: Option<Exit>,
}

impl Tally {
    /// Reports a failure and goes on.
    ///
    /// # Errors
    /// The failure itself, where going on is hopeless.
    pub(crate) fn add(&mut self, failure: Failure) -> Result<()> {
        if failure.is_hopeless() {
            return Err(failure);
        }
        failure.report();
        let exit = failure.exit();
        self.exit = Some(self.exit.map_or(exit, |other| if other == exit { exit } else { Exit::Failure }));
        Ok(())
    }

    /// Whether nothing failed so far.
    pub(crate) fn is_clean(&self) -> bool {
        self.exit.is_none()
    }

    /// The end.
    ///
    /// # Errors
    /// When something failed: with its number if all failed alike.
    pub(crate) fn finish(self) -> Result<()> {
        self.exit.map_or(Ok(()), |exit| Err(Failure::Reported(exit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_the_server_have_numbers() {
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
    fn a_closed_pipe_is_no_failure() {
        assert_eq!(Failure::output(io::ErrorKind::BrokenPipe.into()).exit(), Exit::Ok);
        assert_eq!(Failure::output(io::ErrorKind::StorageFull.into()).exit(), Exit::Failure);
    }

    #[test]
    fn several_failures_keep_their_number_only_if_it_is_the_same() {
        let missing = || Failure::Local { what: "read a".into(), error: io::ErrorKind::NotFound.into() };
        let mut tally = Tally::default();
        tally.add(missing()).unwrap();
        tally.add(missing()).unwrap();
        assert_eq!(tally.exit, Some(Exit::NotFound));
        tally.add(Failure::Refused("no".into())).unwrap();
        assert_eq!(tally.finish().unwrap_err().exit(), Exit::Failure);
        assert!(Tally::default().finish().is_ok());
    }
}
