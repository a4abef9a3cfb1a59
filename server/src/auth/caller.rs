//! The authenticated caller of a request.

use crate::error::{Error, Kind};
use lakeport_lakefs::Lakefs;
use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The authenticated caller of a request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Client of lakeFS with the permissions of this caller.
    pub lakefs: Lakefs,
    /// ID of the lakeFS user. It owns the transactions that the call begins.
    pub principal: Arc<str>,
    /// Deadline of the call, if the caller set one.
    pub deadline: Option<Instant>,
    /// What the call holds: its permit, and the memory of its message.
    pub held: Held,
}

/// What the work for a call holds. It is released when the last clone of the [`Caller`] is dropped. A task that outlives its
/// call has such a clone, so abandoned work counts like the calls themselves.
#[derive(Clone, Default)]
pub struct Held {
    _held: Option<Arc<dyn Any + Send + Sync>>,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
    }
}

/// Time before the caller's deadline at which a response must be sent.
const MARGIN: Duration = Duration::from_millis(100);

impl Caller {
    /// Returns this caller with something more that is held until the work ends.
    #[must_use]
    pub fn holding(&self, more: impl Any + Send + Sync) -> Self {
        let held = Held { _held: Some(Arc::new((self.held.clone(), more))) };
        Self { held, ..self.clone() }
    }

    /// Returns the time left until the deadline, less a margin for the response, and at most `limit`.
    pub fn time_left(&self, limit: Duration) -> Duration {
        match self.deadline {
            Some(deadline) => deadline.saturating_duration_since(Instant::now()).saturating_sub(MARGIN).min(limit),
            None => limit,
        }
    }

    /// Replaces `Unauthenticated` by `PermissionDenied` if the credentials are valid. lakeFS returns 401 for invalid
    /// credentials and for missing permissions alike.
    pub async fn explain(&self, error: Error) -> Error {
        if error.kind() != Kind::Unauthenticated {
            return error;
        }
        match self.lakefs.user().await {
            Ok(user) => Error::new(
                Kind::PermissionDenied,
                format!(
                    "lakeFS denies user {:?} this request: ask for the permission, or use other credentials",
                    user.id
                ),
            ),
            Err(_) => invalid_credentials(),
        }
    }
}

/// The error for credentials that lakeFS does not accept.
pub(super) fn invalid_credentials() -> Error {
    Error::new(
        Kind::Unauthenticated,
        "lakeFS does not accept these credentials: check the key pair, or log in again if the token is expired",
    )
}
