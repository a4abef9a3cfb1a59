//! A typed, streaming client for lakeFS's REST API.
//!
//! [`Client`] holds the connections, [`Lakefs`] is a client that acts with somebody's credentials. Each method is one
//! request. Whether a request may be repeated is said where it is made: reads are repeated here, within a budget; what changes
//! something is sent once, and its error says whether it may have happened ([`Retry::Look`]).
//!
//! Object bytes stream both ways without being gathered. There are timeouts for connecting, for the head of an answer and for
//! stalls, none for a whole transfer.

mod branches;
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
pub use stall::{Moving, Stalled};
pub use transfer::{Bytes, Download, NewObject, ObjectHead, UploadBody};
pub use trust::Trust;
