//! The whole service over a socket: contract, server, lakeFS client, and the embedded lake or a real lakeFS behind it.
//!
//! With `LAKEPORT_TEST_LAKEFS_URL`, `LAKEPORT_TEST_LAKEFS_ACCESS_KEY_ID`, `LAKEPORT_TEST_LAKEFS_SECRET_ACCESS_KEY` and
//! `LAKEPORT_TEST_LAKEFS_STORAGE_NAMESPACE` set, the same tests run against that lakeFS. Those that arm faults in the lake need
//! the embedded one, and say so.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by failing")]

mod alone;
mod bad_input;
mod bases;
mod begin;
mod commits;
mod credentials;
mod files;
mod fixture;
mod foreign;
mod idle;
mod ignored;
mod inside;
mod kept;
mod lost_answers;
mod options;
mod payload;
mod refusals;
mod service;
mod transactions;
mod trees;
mod versions;
