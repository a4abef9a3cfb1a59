//! Shared code of the tests across crates.

#![expect(clippy::expect_used, reason = "a panic fails the test that calls it")]

pub mod cli;
pub mod codes;
pub mod lakefs;
pub mod server;
