//! The authenticated caller of a request.

use crate::error::{Error, Kind};
use lakeport_lakefs::Lakefs;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Who calls, and their lakeFS.
#[derive(Debug, Clone)]
pub struct Caller {
    /// lakeFS with the right of this caller.
    pub lakefs: Lakefs,
    /// The lakeFS user: the owner of what the call begins.
    pub principal: Arc<str>,
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
}

/// How long before the caller's deadline an answer has to be on its way.
const MARGIN: Duration = Duration::from_millis(100);

impl Caller {
    /// How long an answer may still take, `most` at most.
    pub fn patience(&self, most: Duration) -> Duration {
        match self.deadline {
            Some(deadline) => deadline.saturating_duration_since(Instant::now()).saturating_sub(MARGIN).min(most),
            None => most,
        }
    }

    /// lakeFS answers 401 to bad credentials and to missing permissions alike: who is known is not permitted.
    pub async fn explain(&self, error: Error) -> Error {
        if error.kind() != Kind::Unauthenticated {
            return error;
        }
        match self.lakefs.user().await {
            Ok(user) => Error::new(
                Kind::PermissionDenied,
                format!(
                    "lakeFS does not permit that to user {:?}: ask for the permission, or use other credentials",
                    user.id
                ),
            ),
            Err(_) => nobody(),
        }
    }
}

/// Credentials that are no user's.
pub(super) fn nobody() -> Error {
    Error::new(
        Kind::Unauthenticated,
        "lakeFS does not accept these credentials: check the key pair, or log in again if the token is expired",
    )
}
