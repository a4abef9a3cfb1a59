//! What tests that cross crates share.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what fails here fails the test that uses it")]

pub mod cli;
pub mod lakefs;
pub mod postgres;
pub mod server;
