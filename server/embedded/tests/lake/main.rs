//! Tests of the embedded lake through its REST API.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test reports a failure by panicking")]

mod backup;
mod damage;
mod durable;
mod fixture;
mod scrub;
