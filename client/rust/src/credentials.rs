//! Who calls.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// The credentials of a lakeFS user. Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(String);

impl Credentials {
    /// A key pair of lakeFS.
    pub fn basic(access_key_id: &str, secret_access_key: &str) -> Self {
        Self(format!("Basic {}", STANDARD.encode(format!("{access_key_id}:{secret_access_key}"))))
    }

    /// A token that lakeFS issued.
    pub fn bearer(token: &str) -> Self {
        Self(format!("Bearer {token}"))
    }

    /// The value of `authorization`.
    pub(crate) fn authorization(&self) -> &str {
        &self.0
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
    fn credentials_are_sent_and_never_shown() {
        assert_eq!(Credentials::basic("id", "secret").authorization(), "Basic aWQ6c2VjcmV0");
        assert_eq!(Credentials::bearer("token").authorization(), "Bearer token");
        assert_eq!(format!("{:?}", Credentials::bearer("token")), "Credentials(…)");
    }
}
