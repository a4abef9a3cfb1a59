//! The ID of a transaction.

use crate::name::{InvalidName, name};
use std::fmt;

name!(
    /// A transaction: `[A-Za-z0-9_-]{1,64}`, unique per owner. A name, not a capability: whoever knows it still has to be its
    /// owner.
    TransactionId,
    "transaction ID",
    "must be 1 to 64 letters, digits, underscores or dashes",
    |name| {
        matches!(name.len(), 1..=64)
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    }
);

impl TransactionId {
    /// A fresh ID from 128 random bits.
    pub fn random(bits: u128) -> Self {
        Self(format!("{bits:032x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_safe_in_a_url_a_file_name_and_a_log() {
        assert!(TransactionId::try_from("nightly_2026-11-23").is_ok());
        assert!(TransactionId::try_from(TransactionId::random(u128::MAX).as_str()).is_ok());
        for bad in ["", "a b", "a/b", "é", "a.b", &"x".repeat(65)] {
            assert!(TransactionId::try_from(bad).is_err(), "{bad}");
        }
    }
}
