//! A lakeFS-compatible server on SQLite and files.
//!
//! It answers lakeFS's REST API as lakeFS 1.84 does, down to the texts of its errors, and keeps what it is given: an upload is
//! on the disk before it is acknowledged, a commit is one database transaction, and a process that is killed at any moment
//! leaves the last acknowledged state. lakeport runs it inside its own process by default; any lakeFS client can be pointed
//! at it.
//!
//! Where to read first: `lake` is what the store does, `tree` how committed state is kept, `api` how it is spoken to.

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
pub use lake::{ACCOUNT_FILE, Account, Collected, Lake};
pub use serve::{Serving, serve};
