//! Credentials of a request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use std::fmt;

/// Value of the `Authorization` header: lakeFS's Basic or Bearer scheme. The `Debug` output hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(HeaderValue);

impl Credentials {
    /// Creates credentials from an access key ID and a secret access key (Basic).
    pub fn key_pair(access_key_id: &str, secret_access_key: &str) -> Self {
        let pair = STANDARD.encode(format!("{access_key_id}:{secret_access_key}"));
        Self::sensitive(HeaderValue::from_str(&format!("Basic {pair}")).unwrap_or(HeaderValue::from_static("Basic")))
    }

    /// Creates credentials from the `Authorization` header of a caller. Returns `None` if the scheme is neither Basic nor
    /// Bearer, or if nothing follows the scheme.
    pub fn from_header(authorization: &HeaderValue) -> Option<Self> {
        let (scheme, rest) = authorization.to_str().ok()?.split_once(' ')?;
        let is_known = ["basic", "bearer"].contains(&scheme.to_ascii_lowercase().as_str());
        (is_known && !rest.trim().is_empty()).then(|| Self::sensitive(authorization.clone()))
    }

    fn sensitive(mut value: HeaderValue) -> Self {
        value.set_sensitive(true);
        Self(value)
    }

    /// Returns the token if the scheme is Bearer.
    pub fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.0.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }

    /// Returns the bytes of the header. Equal bytes mean the same caller.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_hides_credentials() {
        let credentials = Credentials::key_pair("id", "secret");
        assert_eq!(format!("{credentials:?} {:?}", credentials.header()), "Credentials(…) Sensitive");
    }

    #[test]
    fn only_basic_and_bearer_credentials_are_passed_on() {
        for (header, accepted) in [("Basic abc", true), ("bearer abc", true), ("Digest abc", false), ("Basic ", false)]
        {
            assert_eq!(Credentials::from_header(&HeaderValue::from_static(header)).is_some(), accepted, "{header}");
        }
    }
}
