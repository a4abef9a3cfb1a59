//! Whose right a call uses, and who that is.

use crate::error::{Error, Kind, Result};
use lakeport_lakefs::{self as lakefs, Credentials, Lakefs};
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Whose right calls use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The caller's own credentials go to lakeFS; a call without any is refused.
    PassThrough,
    /// As above, but a call without credentials uses the service's account: the embedded lake on loopback.
    PassThroughOrService,
    /// The service's account acts for all.
    Service,
    /// The service's account acts for whoever shows this.
    Token(Token),
}

/// What callers show for the right of the service, known by its fingerprint alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl Token {
    /// A text of a header.
    pub fn new(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// Fingerprints are compared, so how long it takes says nothing of the token.
    fn is_shown_by(self, credentials: &Credentials) -> bool {
        credentials.bearer().is_some_and(|shown| Self::new(shown) == self)
    }
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
            (Self::Token(token), credentials) => match credentials {
                Some(shown) if token.is_shown_by(&shown) => Self::Service.claim(None, client, service),
                _ => Err(Error::new(
                    Kind::Unauthenticated,
                    "this server asks for its token: send what its --token says as `authorization: Bearer TOKEN`",
                )),
            },
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
    /// What lakeFS said a moment ago.
    fresh: Cache<[u8; 32], Answer>,
    /// Who they were when it last knew them: never forgotten before there is something newer.
    last: Cache<[u8; 32], Known>,
    /// Questions under way: nobody is verified yet who asks them.
    asking: Semaphore,
}

/// What lakeFS said of credentials, and when.
#[derive(Clone)]
struct Answer {
    said: Said,
    since: Instant,
}

#[derive(Clone)]
enum Said {
    Is(Arc<str>),
    Nobody,
    /// It did not answer, and why.
    Away(Arc<str>),
}

#[derive(Clone)]
struct Known {
    principal: Arc<str>,
    since: Instant,
}

/// How long lakeFS's word about who somebody is holds. lakeFS itself keeps it for 20 s.
const FRESH: Duration = Duration::from_secs(10);
/// How long it holds that credentials are nobody's, or that lakeFS is away: it is not asked for every call then.
const REFUSED: Duration = Duration::from_secs(1);
/// How long who somebody was is good enough while lakeFS does not answer: their transactions must not end for that, and nothing
/// of lakeFS's can be had meanwhile.
const AWAY: Duration = Duration::from_secs(3600);
/// How long lakeFS may take to say who somebody is.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a question waits for its turn.
const QUEUE: Duration = Duration::from_millis(50);
/// Questions at once.
const ASKING: usize = 64;
/// Credentials that are kept in mind.
const KNOWN: usize = 4096;

impl Default for Principals {
    fn default() -> Self {
        Self { fresh: Cache::new(KNOWN), last: Cache::new(KNOWN), asking: Semaphore::new(ASKING) }
    }
}

impl Answer {
    fn holds(&self) -> bool {
        self.since.elapsed() < if matches!(self.said, Said::Is(_)) { FRESH } else { REFUSED }
    }
}

impl Principals {
    /// The caller that a claim is proven to be of. Many calls at once with the same credentials ask lakeFS once.
    ///
    /// # Errors
    /// `Unauthenticated`; `LakefsUnavailable`; `Overloaded` when too many ask who they are.
    pub async fn verified(&self, claim: Claim) -> Result<Caller> {
        let Claim { lakefs, fingerprint } = claim;
        self.fresh.remove_if(&fingerprint, |answer| !answer.holds());
        let answer = self.fresh.get_or_insert_async(&fingerprint, self.ask(&lakefs)).await?;
        let principal = match answer.said {
            Said::Is(principal) => {
                self.last.insert(fingerprint, Known { principal: Arc::clone(&principal), since: answer.since });
                principal
            }
            Said::Nobody => return Err(nobody()),
            Said::Away(why) => self.who_was(&fingerprint).ok_or_else(|| away(&why))?,
        };
        Ok(Caller { lakefs, principal, deadline: None })
    }

    async fn ask(&self, lakefs: &Lakefs) -> Result<Answer> {
        let turn = tokio::time::timeout(QUEUE, self.asking.acquire()).await;
        let _turn = turn.map_err(|_| Error::new(Kind::Overloaded, "too many ask who they are at once: try again"))?;
        let said = match tokio::time::timeout(PATIENCE, lakefs.user()).await {
            Ok(Ok(user)) => Said::Is(user.id.into()),
            Ok(Err(error)) => match error.kind() {
                lakefs::Kind::Unauthenticated => Said::Nobody,
                lakefs::Kind::Unavailable => Said::Away(error.to_string().into()),
                _ => return Err(error.into()),
            },
            Err(_) => Said::Away(format!("it did not answer within {} s", PATIENCE.as_secs()).into()),
        };
        Ok(Answer { said, since: Instant::now() })
    }

    fn who_was(&self, fingerprint: &[u8; 32]) -> Option<Arc<str>> {
        let known = self.last.get(fingerprint)?;
        (known.since.elapsed() < AWAY).then_some(known.principal)
    }
}

fn away(why: &str) -> Error {
    Error::new(
        Kind::LakefsUnavailable,
        format!("lakeFS does not answer, so nobody can say whose these credentials are: try again ({why})"),
    )
}

/// Credentials that are no user's.
fn nobody() -> Error {
    Error::new(
        Kind::Unauthenticated,
        "lakeFS does not accept these credentials: check the key pair, or log in again if the token is expired",
    )
}

impl super::Ops {
    /// Whether a right is the service's own, where callers have rights of theirs, and the transaction not its own: it may clean up
    /// after them, and not do what they may not. Who calls with the service's own key is nobody else.
    pub(super) async fn is_for_another(&self, lakefs: &Lakefs, owner: &str) -> bool {
        self.access == Access::PassThrough
            && lakefs.is_same_account(&self.service)
            && !self.service.user().await.is_ok_and(|user| user.id == owner)
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
            Err(_) => nobody(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lakeport_lakefs::Timeouts;

    /// Nobody listens there.
    fn nowhere() -> lakefs::Client {
        lakefs::Client::new("http://127.0.0.1:1", Timeouts::default()).unwrap()
    }

    fn claim(client: &lakefs::Client) -> Claim {
        let service = client.acting_as(Credentials::key_pair("service", "secret"));
        Access::PassThrough.claim(Some(Credentials::key_pair("ann", "secret")), client, &service).unwrap()
    }

    #[test]
    fn only_a_lake_on_loopback_takes_callers_without_credentials() {
        let client = nowhere();
        let service = client.acting_as(Credentials::key_pair("service", "secret"));
        let claim =
            |access: Access| access.claim(None, &client, &service).map(|claim| claim.lakefs.is_same_account(&service));
        assert_eq!(claim(Access::PassThrough).unwrap_err().kind(), Kind::Unauthenticated);
        assert!(claim(Access::PassThroughOrService).unwrap() && claim(Access::Service).unwrap());
        let own = || Some(Credentials::key_pair("ann", "secret"));
        let passed = |access: Access| access.claim(own(), &client, &service).unwrap().lakefs.is_same_account(&service);
        assert!(!passed(Access::PassThrough) && !passed(Access::PassThroughOrService) && passed(Access::Service));
    }

    #[test]
    fn a_token_gives_the_right_of_the_service_and_nothing_else_does() {
        let client = nowhere();
        let service = client.acting_as(Credentials::key_pair("service", "secret"));
        let access = Access::Token(Token::new("0123456789abcdef"));
        let claim = |header: &'static str| {
            let credentials = Credentials::passed_on(&http::HeaderValue::from_static(header));
            access.claim(credentials, &client, &service).map(|claim| claim.lakefs.is_same_account(&service))
        };
        assert!(claim("Bearer 0123456789abcdef").unwrap() && claim("bearer 0123456789abcdef").unwrap());
        for refused in ["Bearer 0123456789abcdeF", "Basic 0123456789abcdef", "Bearer 0123456789abcdef0", ""] {
            assert_eq!(claim(refused).unwrap_err().kind(), Kind::Unauthenticated, "{refused}");
        }
    }

    #[tokio::test]
    async fn who_was_known_is_known_while_lakefs_is_away_and_nobody_else() {
        let (client, principals) = (nowhere(), Principals::default());
        let fingerprint = claim(&client).fingerprint;
        let unknown = principals.verified(claim(&client)).await.unwrap_err();
        assert_eq!(unknown.kind(), Kind::LakefsUnavailable);
        for (age, is_known) in [(FRESH * 2, true), (AWAY * 2, false)] {
            let since = Instant::now().checked_sub(age).unwrap();
            principals.last.insert(fingerprint, Known { principal: "ann".into(), since });
            for _ in 0..3 {
                let verified = principals.verified(claim(&client)).await;
                assert_eq!(verified.is_ok_and(|caller| &*caller.principal == "ann"), is_known, "{age:?}");
            }
        }
        let answer = Answer { said: Said::Nobody, since: Instant::now() };
        principals.fresh.insert(fingerprint, answer);
        principals.last.insert(fingerprint, Known { principal: "ann".into(), since: Instant::now() });
        let refused = principals.verified(claim(&client)).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Unauthenticated, "who lakeFS refuses is not who they were");
    }

    #[tokio::test]
    async fn too_many_who_ask_who_they_are_do_not_wait() {
        let (client, principals) = (nowhere(), Principals::default());
        let _taken = principals.asking.try_acquire_many(u32::try_from(ASKING).unwrap()).unwrap();
        let refused = principals.verified(claim(&client)).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Overloaded);
    }
}
