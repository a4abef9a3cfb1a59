//! Embedded lake: a lakeFS-compatible server on SQLite and files.
//!
//! The server implements the REST API of lakeFS 1.84, including the texts of its error messages. It is durable: an upload
//! is on disk before it is acknowledged, and a commit is one database transaction. A process that is killed at any moment
//! leaves the last acknowledged state. By default, lakeport runs this server in its own process. Every lakeFS client can
//! use it.
//!
//! Start reading with `lake`, which implements the operations; `tree` stores committed state, and `api` implements the REST
//! API.

mod api;
mod blobs;
mod error;
mod faults;
mod lake;
mod serve;
mod store;
mod tree;

pub use error::{Error, Result};
pub use faults::{Fault, Faults, Fired, On};
pub use lake::{ACCOUNT_FILE, Account, BackedUp, Collected, Lake, LakeFiles, Scrubbed};
pub use serve::{Serving, serve};
