//! Whose permissions a call uses.

use crate::error::{Error, Kind, Result};
use lakeport_lakefs::{self as lakefs, Credentials, Lakefs};
use sha2::{Digest, Sha256};

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

/// A call whose credentials lakeFS has not seen yet.
pub struct Claim {
    pub(super) lakefs: Lakefs,
    /// Tells credentials apart without keeping them.
    pub(super) fingerprint: [u8; 32],
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

#[cfg(test)]
mod tests {
    use super::*;
    use lakeport_lakefs::Timeouts;

    /// A client of an address where no server listens.
    fn nowhere() -> lakefs::Client {
        lakefs::Client::new("http://127.0.0.1:1", Timeouts::default()).unwrap()
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
}
