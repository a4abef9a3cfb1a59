//! Whose right a call uses, and who that is.

use crate::error::{Error, Kind, Result};
use lakeport_lakefs::{self as lakefs, Credentials, Lakefs};
use sha2::{Digest, Sha256};
use std::time::{Duration, Instant};

/// Whose right calls use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The caller's own credentials go to lakeFS; a call without any is refused.
    PassThrough,
    /// As above, but a call without credentials uses the service's account: the embedded lake on loopback.
    PassThroughOrService,
    /// The service's account acts for all.
    Service,
}

/// Who calls, and their lakeFS.
#[derive(Debug, Clone)]
pub struct Caller {
    /// lakeFS with the right of this caller.
    pub lakefs: Lakefs,
    /// Tells callers apart without saying who they are.
    pub fingerprint: [u8; 32],
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
}

impl Access {
    /// The caller behind credentials, if the call may be made at all. Whether lakeFS takes them is seen when it is asked.
    ///
    /// # Errors
    /// `Unauthenticated`.
    pub fn caller(self, credentials: Option<Credentials>, client: &lakefs::Client, service: &Lakefs) -> Result<Caller> {
        match (self, credentials) {
            (Self::Service, _) | (Self::PassThroughOrService, None) => {
                Ok(Caller { lakefs: service.clone(), fingerprint: [0; 32], deadline: None })
            }
            (_, Some(credentials)) => {
                let fingerprint = Sha256::digest(credentials.as_bytes()).into();
                Ok(Caller { lakefs: client.acting_as(credentials), fingerprint, deadline: None })
            }
            (Self::PassThrough, None) => Err(Error::new(
                Kind::Unauthenticated,
                "no credentials: send lakeFS's as `authorization: Basic base64(access_key_id:secret_access_key)` or Bearer",
            )),
        }
    }
}

/// Who callers are, for seconds.
pub struct Principals {
    known: quick_cache::sync::Cache<[u8; 32], (String, Instant)>,
}

/// How long an answer about who somebody is holds. lakeFS itself keeps it for 20 s.
const FRESH: Duration = Duration::from_secs(10);

impl Default for Principals {
    fn default() -> Self {
        Self { known: quick_cache::sync::Cache::new(4096) }
    }
}

impl Principals {
    /// The lakeFS user behind a call: the owner of what it begins.
    ///
    /// # Errors
    /// `Unauthenticated`; `LakefsUnavailable`.
    pub async fn name(&self, caller: &Caller) -> Result<String> {
        if let Some((name, since)) = self.known.get(&caller.fingerprint)
            && since.elapsed() < FRESH
        {
            return Ok(name);
        }
        let name = caller.lakefs.user().await?.id;
        self.known.insert(caller.fingerprint, (name.clone(), Instant::now()));
        Ok(name)
    }
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
            Err(_) => Error::new(
                Kind::Unauthenticated,
                "lakeFS does not accept these credentials: check the key pair, or log in again if the token is expired",
            ),
        }
    }
}
