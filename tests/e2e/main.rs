//! End-to-end tests of the service over a socket, with the embedded lake or an external lakeFS.
//!
//! If `LAKEPORT_TEST_LAKEFS_URL`, `LAKEPORT_TEST_LAKEFS_ACCESS_KEY_ID`, `LAKEPORT_TEST_LAKEFS_SECRET_ACCESS_KEY` and
//! `LAKEPORT_TEST_LAKEFS_STORAGE_NAMESPACE` are set, the tests run against that lakeFS. Tests that arm faults in the lake
//! always use the embedded lake.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test reports failures by panicking")]

mod bad_input;
mod bases;
mod begin;
mod commits;
mod compose;
mod credentials;
mod damage;
mod failing_lakefs;
mod files;
mod fixture;
mod guards;
mod hanging;
mod hostile;
mod idle;
mod inner_commits;
mod kept_branches;
mod lakefs_errors;
mod lost_responses;
mod options;
mod own_disk;
mod ownership;
mod payload;
mod raw_http2;
mod request_ids;
mod service;
mod single_user;
mod stalls;
mod storage_full;
mod transactions;
mod trees;
mod unsupported_options;
mod versions;
