//! Verifies credentials: finds their lakeFS user, and caches the result for up to 10 s.

use super::caller::{Caller, Held, invalid_credentials};
use crate::auth::access::Claim;
use crate::error::{Error, Kind, Result};
use lakeport_lakefs::{self as lakefs, Lakefs};
use quick_cache::sync::Cache;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Cache of verified credentials, by their hash.
pub struct Principals {
    /// Recent results from lakeFS.
    recent: Cache<[u8; 32], Lookup>,
    /// Last known users. An entry is kept until a newer one replaces it, or the cache is full.
    last: Cache<[u8; 32], LastKnown>,
    /// Permits of concurrent lookups. Callers are not verified before the lookup, so a limit per caller is impossible.
    lookups: Semaphore,
}

/// Result of a lookup in lakeFS, and its time.
#[derive(Clone)]
struct Lookup {
    identity: Identity,
    since: Instant,
}

#[derive(Clone)]
enum Identity {
    User(Arc<str>),
    /// The credentials are invalid.
    Invalid,
    /// lakeFS did not respond. The text says why.
    Unavailable(Arc<str>),
}

#[derive(Clone)]
struct LastKnown {
    principal: Arc<str>,
    since: Instant,
}

/// Time for which a successful lookup is cached. lakeFS itself caches users for 20 s.
const USER_TTL: Duration = Duration::from_secs(10);

/// Time for which a failed lookup is cached, so that not every call causes another one.
const FAILURE_TTL: Duration = Duration::from_secs(1);

/// Time for which the last known user of credentials is accepted while lakeFS does not respond. Transactions therefore do
/// not expire because of an outage. No data is revealed, since lakeFS returns no data during the outage.
const LAST_KNOWN_TTL: Duration = Duration::from_secs(3600);

/// Timeout of a lookup.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum time that a lookup waits for a permit.
const PERMIT_TIMEOUT: Duration = Duration::from_millis(50);

/// Maximum number of concurrent lookups.
const MAX_LOOKUPS: usize = 64;

/// Maximum number of credentials in each cache.
const MAX_CACHED: usize = 4096;

impl Default for Principals {
    fn default() -> Self {
        Self { recent: Cache::new(MAX_CACHED), last: Cache::new(MAX_CACHED), lookups: Semaphore::new(MAX_LOOKUPS) }
    }
}

impl Lookup {
    fn is_valid(&self) -> bool {
        self.since.elapsed() < if matches!(self.identity, Identity::User(_)) { USER_TTL } else { FAILURE_TTL }
    }
}

impl Principals {
    /// Verifies credentials and returns their caller. Concurrent calls with the same credentials share one lookup in lakeFS.
    ///
    /// # Errors
    /// `Unauthenticated`; `LakefsUnavailable`; `Overloaded` if there are too many concurrent lookups.
    pub async fn verified(&self, claim: Claim) -> Result<Caller> {
        let Claim { lakefs, fingerprint } = claim;
        let lookup = match self.recent.get(&fingerprint).filter(Lookup::is_valid) {
            Some(lookup) => lookup,
            // Boxed: a lookup is rare, and its future is larger than the rest of a call.
            None => Box::pin(self.refreshed(&lakefs, fingerprint)).await?,
        };
        let principal = match lookup.identity {
            Identity::User(principal) => principal,
            Identity::Invalid => return Err(invalid_credentials()),
            Identity::Unavailable(why) => self.last_known(&fingerprint).ok_or_else(|| unavailable(&why))?,
        };
        Ok(Caller { lakefs, principal, deadline: None, held: Held::default() })
    }

    async fn refreshed(&self, lakefs: &Lakefs, fingerprint: [u8; 32]) -> Result<Lookup> {
        self.recent.remove_if(&fingerprint, |lookup| !lookup.is_valid());
        let lookup = self.recent.get_or_insert_async(&fingerprint, self.look_up(lakefs)).await?;
        if let Identity::User(principal) = &lookup.identity {
            self.last.insert(fingerprint, LastKnown { principal: Arc::clone(principal), since: lookup.since });
        }
        Ok(lookup)
    }

    async fn look_up(&self, lakefs: &Lakefs) -> Result<Lookup> {
        let permit = tokio::time::timeout(PERMIT_TIMEOUT, self.lookups.acquire()).await;
        let _permit = permit.map_err(|_| {
            let message = format!("the server is verifying the credentials of {MAX_LOOKUPS} other calls: try again");
            Error::new(Kind::Overloaded, message)
        })?;
        let identity = match tokio::time::timeout(LOOKUP_TIMEOUT, lakefs.user()).await {
            Ok(Ok(user)) => Identity::User(user.id.into()),
            Ok(Err(error)) => match error.kind() {
                lakefs::Kind::Unauthenticated => Identity::Invalid,
                lakefs::Kind::Unavailable | lakefs::Kind::NoResponse => Identity::Unavailable(error.to_string().into()),
                _ => return Err(error.into()),
            },
            Err(_) => Identity::Unavailable(format!("no response within {} s", LOOKUP_TIMEOUT.as_secs()).into()),
        };
        Ok(Lookup { identity, since: Instant::now() })
    }

    fn last_known(&self, fingerprint: &[u8; 32]) -> Option<Arc<str>> {
        let known = self.last.get(fingerprint)?;
        (known.since.elapsed() < LAST_KNOWN_TTL).then_some(known.principal)
    }
}

fn unavailable(why: &str) -> Error {
    Error::new(
        Kind::LakefsUnavailable,
        format!("cannot verify the credentials, since lakeFS does not respond: try again ({why})"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::access::Access;
    use lakeport_lakefs::{Credentials, Timeouts};

    /// A client of an address where no server listens.
    fn nowhere() -> lakefs::Client {
        lakefs::Client::new("http://127.0.0.1:1", Timeouts::default()).unwrap()
    }

    fn claim(client: &lakefs::Client) -> Claim {
        let service = client.acting_as(Credentials::key_pair("service", "secret"));
        Access::PassThrough.claim(Some(Credentials::key_pair("ann", "secret")), client, &service).unwrap()
    }

    #[tokio::test]
    async fn last_known_users_are_accepted_while_lakefs_is_unavailable() {
        let (client, principals) = (nowhere(), Principals::default());
        let fingerprint = claim(&client).fingerprint;
        let unknown = principals.verified(claim(&client)).await.unwrap_err();
        assert_eq!(unknown.kind(), Kind::LakefsUnavailable);
        for (age, is_known) in [(USER_TTL * 2, true), (LAST_KNOWN_TTL * 2, false)] {
            let since = Instant::now().checked_sub(age).unwrap();
            principals.last.insert(fingerprint, LastKnown { principal: "ann".into(), since });
            for _ in 0..3 {
                let verified = principals.verified(claim(&client)).await;
                assert_eq!(verified.is_ok_and(|caller| &*caller.principal == "ann"), is_known, "{age:?}");
            }
        }
        let lookup = Lookup { identity: Identity::Invalid, since: Instant::now() };
        principals.recent.insert(fingerprint, lookup);
        principals.last.insert(fingerprint, LastKnown { principal: "ann".into(), since: Instant::now() });
        let rejected = principals.verified(claim(&client)).await.unwrap_err();
        assert_eq!(
            rejected.kind(),
            Kind::Unauthenticated,
            "lakeFS rejected these credentials, so the last user is invalid"
        );
    }

    #[tokio::test]
    async fn too_many_concurrent_lookups_fail_without_waiting() {
        let (client, principals) = (nowhere(), Principals::default());
        let _taken = principals.lookups.try_acquire_many(u32::try_from(MAX_LOOKUPS).unwrap()).unwrap();
        let rejected = principals.verified(claim(&client)).await.unwrap_err();
        assert_eq!(rejected.kind(), Kind::Overloaded);
    }
}
