//! Typed, streaming client for lakeFS's REST API.
//!
//! [`Client`] holds the connections. [`Lakefs`] is a client with the credentials of one user. Each method sends one request.
//!
//! This crate retries idempotent requests, within a retry budget. It sends each other request once, and the error states
//! whether the request may have had its effect ([`Retry::Check`], [`Retry::Lost`]).
//!
//! The bytes of objects are streamed in both directions and are not buffered as a whole. The crate has timeouts for
//! connecting, for responses and for stalled transfers, but none for a transfer as a whole.

mod branches;
mod budget;
mod client;
mod commits;
mod credentials;
mod error;
mod merges;
mod model;
mod objects;
mod pools;
mod repositories;
mod request;
mod server;
mod stall;
mod stream;
mod tags;
mod transfer;
mod trust;
mod url;

pub use branches::Staged;
pub use client::{Client, InvalidUrl, Lakefs, Timeouts};
pub use commits::{DiffKind, LogQuery, NewCommit};
pub use credentials::Credentials;
pub use error::{BoxError, Error, Kind, Result, Retry};
pub use merges::{MergeBase, NewMerge, Strategy};
pub use model::{
    Branch, Commit, Difference, DifferenceKind, Listed, ObjectStats, Page, Repository, Tag, User, Version,
};
pub use objects::DeleteFailure;
pub use server::Capabilities;
pub use stall::{StallTimeout, Stalled};
pub use transfer::{Bytes, Download, NewObject, ObjectHead, UploadBody};
pub use trust::Trust;
