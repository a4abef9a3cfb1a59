//! Transaction ID.

use crate::name::{InvalidName, name};
use std::fmt;

name!(
    /// Transaction ID: `[A-Za-z0-9_-]{1,64}`, unique per owner.
    ///
    /// The ID is a name and not a capability: only the owner of the transaction can use it.
    TransactionId,
    "transaction ID",
    "must be 1 to 64 letters, digits, underscores or dashes",
    |name| {
        matches!(name.len(), 1..=64)
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    }
);

impl TransactionId {
    /// Returns a new ID made of 128 random bits.
    pub fn random(bits: u128) -> Self {
        Self(format!("{bits:032x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valid_id_is_safe_in_urls_file_names_and_logs() {
        assert!(TransactionId::try_from("nightly_2026-11-23").is_ok());
        assert!(TransactionId::try_from(TransactionId::random(u128::MAX).as_str()).is_ok());
        for bad in ["", "a b", "a/b", "é", "a.b", &"x".repeat(65)] {
            assert!(TransactionId::try_from(bad).is_err(), "{bad}");
        }
    }
}
