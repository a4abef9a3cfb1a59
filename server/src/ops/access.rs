//! Whose right a call uses, and who that is.

use crate::error::{Error, Kind, Result};
use lakeport_lakefs::{self as lakefs, Credentials, Lakefs};
use sha2::{Digest, Sha256};
use std::sync::Arc;
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
    /// The lakeFS user: the owner of what the call begins.
    pub principal: Arc<str>,
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
}

/// A call whose credentials lakeFS has not seen yet.
pub struct Claim {
    lakefs: Lakefs,
    /// Tells credentials apart without keeping them.
    fingerprint: [u8; 32],
}

impl Access {
    /// Whose right a call claims, if it may be made at all.
    ///
    /// # Errors
    /// `Unauthenticated`.
    pub fn claim(self, credentials: Option<Credentials>, client: &lakefs::Client, service: &Lakefs) -> Result<Claim> {
        match (self, credentials) {
            (Self::Service, _) | (Self::PassThroughOrService, None) => {
                Ok(Claim { lakefs: service.clone(), fingerprint: [0; 32] })
            }
            (_, Some(credentials)) => {
                let fingerprint = Sha256::digest(credentials.as_bytes()).into();
                Ok(Claim { lakefs: client.acting_as(credentials), fingerprint })
            }
            (Self::PassThrough, None) => Err(Error::new(
                Kind::Unauthenticated,
                "no credentials: send lakeFS's as `authorization: Basic base64(access_key_id:secret_access_key)` or Bearer",
            )),
        }
    }
}

/// Who is behind credentials, for seconds.
pub struct Principals {
    known: quick_cache::sync::Cache<[u8; 32], Answer>,
}

/// What lakeFS said of credentials, and when: a user, or nobody.
#[derive(Clone)]
struct Answer {
    principal: Option<Arc<str>>,
    since: Instant,
}

/// How long lakeFS's word about who somebody is holds. lakeFS itself keeps it for 20 s.
const FRESH: Duration = Duration::from_secs(10);
/// How long its word that credentials are nobody's holds: it keeps a flood of them away from lakeFS, and new ones soon work.
const REFUSED: Duration = Duration::from_secs(1);
/// How long who somebody was is good enough while lakeFS does not answer: their transactions must not end for that, and nothing
/// of lakeFS's can be had meanwhile.
const AWAY: Duration = Duration::from_secs(3600);
/// Credentials that are kept in mind.
const KNOWN: usize = 4096;

impl Default for Principals {
    fn default() -> Self {
        Self { known: quick_cache::sync::Cache::new(KNOWN) }
    }
}

impl Answer {
    fn is_good_while_lakefs_is_away(&self) -> bool {
        self.principal.is_some() && self.since.elapsed() < AWAY
    }

    fn holds(&self) -> bool {
        self.since.elapsed() < if self.principal.is_some() { FRESH } else { REFUSED }
    }
}

impl Principals {
    /// The caller that a claim is proven to be of. Many calls at once with the same credentials ask lakeFS once.
    ///
    /// # Errors
    /// `Unauthenticated`; `LakefsUnavailable`.
    pub async fn verified(&self, claim: Claim) -> Result<Caller> {
        let last = self.known.get(&claim.fingerprint);
        self.known.remove_if(&claim.fingerprint, |answer| !answer.holds());
        let answer = match self.known.get_or_insert_async(&claim.fingerprint, ask(&claim.lakefs)).await {
            Ok(answer) => answer,
            Err(error) => {
                let last = last.filter(Answer::is_good_while_lakefs_is_away).ok_or(error)?;
                self.known.insert(claim.fingerprint, last.clone());
                last
            }
        };
        let principal = answer.principal.ok_or_else(nobody)?;
        Ok(Caller { lakefs: claim.lakefs, principal, deadline: None })
    }
}

async fn ask(lakefs: &Lakefs) -> Result<Answer> {
    let principal = match lakefs.user().await {
        Ok(user) => Some(user.id.into()),
        Err(error) if error.kind() == lakefs::Kind::Unauthenticated => None,
        Err(error) => return Err(error.into()),
    };
    Ok(Answer { principal, since: Instant::now() })
}

/// Credentials that are no user's.
fn nobody() -> Error {
    Error::new(
        Kind::Unauthenticated,
        "lakeFS does not accept these credentials: check the key pair, or log in again if the token is expired",
    )
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

#[cfg(test)]
mod tests {
    use super::*;
    use lakeport_lakefs::Timeouts;

    /// Nobody listens there.
    fn away() -> lakefs::Client {
        lakefs::Client::new("http://127.0.0.1:1", Timeouts::default()).unwrap()
    }

    fn claim(client: &lakefs::Client) -> Claim {
        let service = client.acting_as(Credentials::key_pair("service", "secret"));
        Access::PassThrough.claim(Some(Credentials::key_pair("ann", "secret")), client, &service).unwrap()
    }

    #[tokio::test]
    async fn who_was_known_is_known_while_lakefs_is_away_and_nobody_else() {
        let (client, principals) = (away(), Principals::default());
        let unknown = principals.verified(claim(&client)).await.unwrap_err();
        assert_eq!(unknown.kind(), Kind::LakefsUnavailable);
        for (age, is_known) in [(FRESH * 2, true), (FRESH * 3, true), (AWAY * 2, false)] {
            let since = Instant::now().checked_sub(age).unwrap();
            principals.known.insert(claim(&client).fingerprint, Answer { principal: Some("ann".into()), since });
            let verified = principals.verified(claim(&client)).await;
            assert_eq!(verified.is_ok_and(|caller| &*caller.principal == "ann"), is_known, "{age:?}");
        }
        let since = Instant::now().checked_sub(FRESH).unwrap();
        principals.known.insert(claim(&client).fingerprint, Answer { principal: None, since });
        assert!(principals.verified(claim(&client)).await.is_err(), "who was nobody is not somebody now");
    }
}
