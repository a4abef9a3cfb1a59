//! The error type of all operations: a kind, a message, the delay before a retry, and the cause.

use lakeport_lakefs as lakefs;
use std::fmt;
use std::time::Duration;

/// Any error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The result of an operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of an operation. The message is for people: it says what failed and what to do. Code must match the kind,
/// not the message.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: Kind,
    message: String,
    retry_after: Option<Duration>,
    fields: Vec<FieldViolation>,
    subjects: Vec<String>,
    counts: Option<Box<Counts>>,
    source: Option<BoxError>,
}

/// Numbers of paths of a call that failed for some of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Paths that failed.
    pub failed: u64,
    /// Paths that succeeded.
    pub succeeded: u64,
}

/// An invalid field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldViolation {
    /// The field, as the contract spells it.
    pub field: String,
    /// The violated rule.
    pub description: String,
}

macro_rules! kinds {
    ($($kind:ident $reason:literal)*) => {
        /// Kind of an error. Each kind is an `ErrorReason` of the contract.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Kind {
            $(#[doc = concat!("`", $reason, "`")] $kind,)*
        }

        impl Kind {
            /// Returns the name of the reason in the contract.
            pub fn reason(self) -> &'static str {
                match self { $(Self::$kind => $reason,)* }
            }

            /// Returns the kind of a reason, by its name in the contract.
            pub fn of_reason(reason: &str) -> Option<Self> {
                match reason { $($reason => Some(Self::$kind),)* _ => None }
            }
        }
    };
}

kinds! {
    InvalidField "INVALID_FIELD"
    BatchTooLarge "BATCH_TOO_LARGE"
    PageTokenInvalid "PAGE_TOKEN_INVALID"
    RefNotABranch "REF_NOT_A_BRANCH"
    WriteIncomplete "WRITE_INCOMPLETE"
    ChecksumMismatch "CHECKSUM_MISMATCH"
    RefusedByLakefs "REFUSED_BY_LAKEFS"
    RangeOutOfBounds "RANGE_OUT_OF_BOUNDS"
    RepositoryNotFound "REPOSITORY_NOT_FOUND"
    RefNotFound "REF_NOT_FOUND"
    ObjectNotFound "OBJECT_NOT_FOUND"
    TransactionNotFound "TRANSACTION_NOT_FOUND"
    ObjectExists "OBJECT_EXISTS"
    BranchExists "BRANCH_EXISTS"
    TagExists "TAG_EXISTS"
    RepositoryExists "REPOSITORY_EXISTS"
    TransactionExists "TRANSACTION_EXISTS"
    EtagMismatch "ETAG_MISMATCH"
    NotModified "NOT_MODIFIED"
    HookRejected "HOOK_REJECTED"
    BaseDirty "BASE_DIRTY"
    NoChanges "NO_CHANGES"
    DefaultBranch "DEFAULT_BRANCH"
    TransactionCommitting "TRANSACTION_COMMITTING"
    TransactionCommitted "TRANSACTION_COMMITTED"
    TransactionRolledBack "TRANSACTION_ROLLED_BACK"
    TransactionExpired "TRANSACTION_EXPIRED"
    TransactionReadOnly "TRANSACTION_READ_ONLY"
    EpochMismatch "EPOCH_MISMATCH"
    MergeConflict "MERGE_CONFLICT"
    PermissionDenied "PERMISSION_DENIED"
    BranchProtected "BRANCH_PROTECTED"
    RepositoryReadOnly "REPOSITORY_READ_ONLY"
    ReservedName "RESERVED_NAME"
    Unauthenticated "UNAUTHENTICATED"
    WriteInDoubt "WRITE_IN_DOUBT"
    CommitInDoubt "COMMIT_IN_DOUBT"
    LakefsUnavailable "LAKEFS_UNAVAILABLE"
    SessionStoreUnavailable "SESSION_STORE_UNAVAILABLE"
    ShuttingDown "SHUTTING_DOWN"
    OutcomeUnknown "OUTCOME_UNKNOWN"
    Overloaded "OVERLOADED"
    TooManyTransactions "TOO_MANY_TRANSACTIONS"
    DeadlineExceeded "DEADLINE_EXCEEDED"
    Corrupt "CORRUPT"
    Unsupported "UNSUPPORTED"
    Internal "INTERNAL"
    ObjectChanged "OBJECT_CHANGED"
    ReaderStalled "READER_STALLED"
    PartialFailure "PARTIAL_FAILURE"
    WriterStalled "WRITER_STALLED"
    RequestInProgress "REQUEST_IN_PROGRESS"
    LakefsFailed "LAKEFS_FAILED"
    StorageFull "STORAGE_FULL"
}

impl Kind {
    /// Returns the delay before a retry, for kinds of errors where a retry may succeed.
    fn retry_after(self) -> Option<Duration> {
        match self {
            Self::LakefsUnavailable | Self::SessionStoreUnavailable | Self::ShuttingDown | Self::CommitInDoubt => {
                Some(Duration::from_secs(1))
            }
            Self::WriteInDoubt
            | Self::Overloaded
            | Self::ReaderStalled
            | Self::WriterStalled
            | Self::RequestInProgress => Some(Duration::from_millis(200)),
            // Other transactions must end first.
            Self::TooManyTransactions => Some(Duration::from_secs(10)),
            _ => None,
        }
    }
}

impl Error {
    /// Creates an error with a message for people.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            retry_after: kind.retry_after(),
            fields: Vec::new(),
            subjects: Vec::new(),
            counts: None,
            source: None,
        }
    }

    /// Creates an `InvalidField` error for one field. The message is the name of the field and the description.
    pub fn field(field: impl Into<String>, description: impl fmt::Display) -> Self {
        let violation = FieldViolation { field: field.into(), description: description.to_string() };
        Self::fields(vec![violation])
    }

    /// Creates an `InvalidField` error for several fields.
    pub fn fields(fields: Vec<FieldViolation>) -> Self {
        let listed: Vec<String> = fields.iter().map(|v| format!("{}: {}", v.field, v.description)).collect();
        Self { fields, ..Self::new(Kind::InvalidField, listed.join("; ")) }
    }

    /// Creates an error for a call that failed for some of its paths. `done` is the action, e.g. "deleted"; `next` says
    /// what to do.
    pub fn partial(counts: Counts, done: &str, next: &str) -> Self {
        let Counts { failed, succeeded } = counts;
        let message = format!("{failed} of {} paths could not be {done}: {next}", failed + succeeded);
        Self { counts: Some(Box::new(counts)), ..Self::new(Kind::PartialFailure, message) }
    }

    /// Sets the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds subjects: the paths or names that the error is about, e.g. paths in conflict.
    #[must_use]
    pub fn about(mut self, subjects: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.subjects.extend(subjects.into_iter().map(Into::into));
        self
    }

    /// Sets the delay before a retry.
    #[must_use]
    pub fn retry_in(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Returns the kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the delay before a retry; `None` if a retry does not help.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Returns the invalid fields.
    pub fn violations(&self) -> &[FieldViolation] {
        &self.fields
    }

    /// Returns the counts of a partial failure.
    pub fn counts(&self) -> Option<Counts> {
        self.counts.as_deref().copied()
    }

    /// Returns the subjects.
    pub fn subjects(&self) -> &[String] {
        &self.subjects
    }
}

/// Converts an error of lakeFS whose meaning does not depend on the request. `NotFound` and `AlreadyExists` depend on it, so
/// the code that sent the request must handle them first.
impl From<lakefs::Error> for Error {
    fn from(error: lakefs::Error) -> Self {
        let kind = match error.kind() {
            lakefs::Kind::RepositoryNotFound => Kind::RepositoryNotFound,
            lakefs::Kind::BranchNotFound
            | lakefs::Kind::TagNotFound
            | lakefs::Kind::CommitNotFound
            | lakefs::Kind::NotFound => Kind::RefNotFound,
            lakefs::Kind::AlreadyExists => Kind::BranchExists,
            lakefs::Kind::ObjectExists => Kind::ObjectExists,
            lakefs::Kind::HookRejected => Kind::HookRejected,
            lakefs::Kind::MergeConflict => Kind::MergeConflict,
            lakefs::Kind::NoChanges => Kind::NoChanges,
            lakefs::Kind::DirtyBranch => Kind::BaseDirty,
            lakefs::Kind::BranchProtected => Kind::BranchProtected,
            lakefs::Kind::RepositoryReadOnly => Kind::RepositoryReadOnly,
            lakefs::Kind::DefaultBranch => Kind::DefaultBranch,
            lakefs::Kind::Unauthenticated => Kind::Unauthenticated,
            lakefs::Kind::PermissionDenied => Kind::PermissionDenied,
            lakefs::Kind::InvalidArgument => Kind::RefusedByLakefs,
            lakefs::Kind::RangeNotSatisfiable => Kind::RangeOutOfBounds,
            lakefs::Kind::BytesGone | lakefs::Kind::Damaged => Kind::Corrupt,
            lakefs::Kind::StorageFull => Kind::StorageFull,
            lakefs::Kind::Unsupported => Kind::Unsupported,
            lakefs::Kind::Failed if error.retry() == lakefs::Retry::Never => Kind::LakefsFailed,
            lakefs::Kind::Contended | lakefs::Kind::Failed | lakefs::Kind::NoResponse | lakefs::Kind::Unavailable => {
                Kind::LakefsUnavailable
            }
            lakefs::Kind::UnexpectedResponse => Kind::Internal,
            lakefs::Kind::BodyFailed => Kind::WriteIncomplete,
        };
        Self::new(kind, format!("lakeFS: {error}")).caused_by(error)
    }
}

impl From<lakeport_transactions::Error> for Error {
    fn from(error: lakeport_transactions::Error) -> Self {
        let kind = match error {
            lakeport_transactions::Error::Full(_) => Kind::StorageFull,
            _ => Kind::SessionStoreUnavailable,
        };
        Self::new(kind, error.to_string()).caused_by(error)
    }
}
