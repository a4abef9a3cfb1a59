//! Clippy and rustdoc, with warnings as errors.

use crate::cargo::cargo;
use crate::error::Result;

/// Clippy on everything, tests too.
pub(super) fn clippy() -> Result<()> {
    cargo("clippy --workspace --all-targets --locked -- -D warnings")?.run()
}

/// Rustdoc, which finds links that lead nowhere.
pub(super) fn docs() -> Result<()> {
    cargo("doc --workspace --no-deps --locked")?.env("RUSTDOCFLAGS", "-Dwarnings").run()
}
