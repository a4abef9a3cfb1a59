//! What tests that cross crates share.

#![expect(clippy::expect_used, reason = "what fails here fails the test that uses it")]

pub mod cli;
pub mod lakefs;
pub mod server;
