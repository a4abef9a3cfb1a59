//! Credentials of the caller.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// Credentials of a lakeFS user. `Debug` does not print them.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(String);

impl Credentials {
    /// Authenticates with a lakeFS key pair.
    pub fn basic(access_key_id: &str, secret_access_key: &str) -> Self {
        Self(format!("Basic {}", STANDARD.encode(format!("{access_key_id}:{secret_access_key}"))))
    }

    /// Authenticates with a token issued by lakeFS.
    pub fn bearer(token: &str) -> Self {
        Self(format!("Bearer {token}"))
    }

    /// Returns the value of the `authorization` header.
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
    fn credentials_are_encoded_and_debug_hides_them() {
        assert_eq!(Credentials::basic("id", "secret").authorization(), "Basic aWQ6c2VjcmV0");
        assert_eq!(Credentials::bearer("token").authorization(), "Bearer token");
        assert_eq!(format!("{:?}", Credentials::bearer("token")), "Credentials(…)");
    }
}
