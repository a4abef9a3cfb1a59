//! Idempotency keys of requests.

use crate::name::{InvalidName, name};
use std::fmt;

name!(
    /// An idempotency key that a caller chose: `[A-Za-z0-9_-]{1,64}`.
    IdempotencyKey,
    "idempotency key",
    "must be 1 to 64 letters, digits, underscores or dashes",
    |name| {
        matches!(name.len(), 1..=64)
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    }
);

impl IdempotencyKey {
    /// Makes a key from 128 random bits.
    pub fn random(bits: u128) -> Self {
        Self(format!("{bits:032x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_safe_in_headers_and_logs() {
        assert!(IdempotencyKey::try_from("upload_2026-11-30").is_ok());
        for bad in ["", "a b", "a/b", "é", "a.b", &"x".repeat(65)] {
            assert!(IdempotencyKey::try_from(bad).is_err(), "{bad}");
        }
    }
}
