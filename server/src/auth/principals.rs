//! Verified credentials: which lakeFS user they belong to, cached for seconds.

use super::caller::{Caller, nobody};
use crate::auth::access::Claim;
use crate::error::{Error, Kind, Result};
use lakeport_lakefs::{self as lakefs, Lakefs};
use quick_cache::sync::Cache;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::access::Access;
    use lakeport_lakefs::{Credentials, Timeouts};

    /// Nobody listens there.
    fn nowhere() -> lakefs::Client {
        lakefs::Client::new("http://127.0.0.1:1", Timeouts::default()).unwrap()
    }

    fn claim(client: &lakefs::Client) -> Claim {
        let service = client.acting_as(Credentials::key_pair("service", "secret"));
        Access::PassThrough.claim(Some(Credentials::key_pair("ann", "secret")), client, &service).unwrap()
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
