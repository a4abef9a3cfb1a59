//! Selects the permissions that a call uses.

use crate::error::{Error, Kind, Result};
use lakeport_lakefs::{self as lakefs, Credentials, Lakefs};
use sha2::{Digest, Sha256};

/// Permissions that calls use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// lakeFS gets the caller's own credentials. A call without credentials fails.
    PassThrough,
    /// As `PassThrough`, but a call without credentials uses the service's account. For the embedded lake on loopback.
    PassThroughOrService,
    /// All calls use the service's account.
    Service,
    /// Calls with this token use the service's account. Other calls fail.
    Token(Token),
}

/// The token of the server, stored as a SHA-256 hash only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl Token {
    /// Hashes a token.
    pub fn new(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// Returns whether the credentials are this token. Compares hashes, so that the duration reveals nothing about
    /// the token.
    fn matches(self, credentials: &Credentials) -> bool {
        credentials.bearer().is_some_and(|token| Self::new(token) == self)
    }
}

/// Credentials of a call that lakeFS has not verified yet.
pub struct Claim {
    pub(super) lakefs: Lakefs,
    /// SHA-256 hash of the credentials, the key in caches; zeros for the service's account.
    pub(super) fingerprint: [u8; 32],
}

impl Access {
    /// Returns the unverified credentials that determine the permissions of a call.
    ///
    /// # Errors
    /// `Unauthenticated` for missing credentials or a wrong token.
    pub fn claim(self, credentials: Option<Credentials>, client: &lakefs::Client, service: &Lakefs) -> Result<Claim> {
        match (self, credentials) {
            (Self::Token(token), credentials) => match credentials {
                Some(credentials) if token.matches(&credentials) => Self::Service.claim(None, client, service),
                _ => Err(Error::new(
                    Kind::Unauthenticated,
                    "missing or wrong token: send the value of the server's --token as `authorization: Bearer TOKEN`",
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
                "no credentials: send those of lakeFS as `authorization: Basic base64(access_key_id:secret_access_key)` or Bearer",
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
    fn callers_without_credentials_use_the_service_only_if_allowed() {
        let client = nowhere();
        let service = client.acting_as(Credentials::key_pair("service", "secret"));
        let claim =
            |access: Access| access.claim(None, &client, &service).map(|claim| claim.lakefs.is_same_account(&service));
        assert_eq!(claim(Access::PassThrough).unwrap_err().kind(), Kind::Unauthenticated);
        assert!(claim(Access::PassThroughOrService).unwrap() && claim(Access::Service).unwrap());
        let own = || Some(Credentials::key_pair("ann", "secret"));
        let uses_service =
            |access: Access| access.claim(own(), &client, &service).unwrap().lakefs.is_same_account(&service);
        assert!(!uses_service(Access::PassThrough) && !uses_service(Access::PassThroughOrService));
        assert!(uses_service(Access::Service));
    }

    #[test]
    fn only_the_token_gives_the_permissions_of_the_service() {
        let client = nowhere();
        let service = client.acting_as(Credentials::key_pair("service", "secret"));
        let access = Access::Token(Token::new("0123456789abcdef"));
        let claim = |header: &'static str| {
            let credentials = Credentials::from_header(&http::HeaderValue::from_static(header));
            access.claim(credentials, &client, &service).map(|claim| claim.lakefs.is_same_account(&service))
        };
        assert!(claim("Bearer 0123456789abcdef").unwrap() && claim("bearer 0123456789abcdef").unwrap());
        for wrong in ["Bearer 0123456789abcdeF", "Basic 0123456789abcdef", "Bearer 0123456789abcdef0", ""] {
            assert_eq!(claim(wrong).unwrap_err().kind(), Kind::Unauthenticated, "{wrong}");
        }
    }
}
