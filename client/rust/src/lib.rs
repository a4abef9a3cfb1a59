//! Rust client of lakeport: files, transactions and versions of lakeFS over gRPC.
//!
//! ```no_run
//! use lakeport_client::{Client, CommitOptions, Credentials, Endpoint, Place, WriteOptions, v1};
//!
//! # async fn job() -> lakeport_client::Result<()> {
//! let endpoint = Endpoint::new("http://127.0.0.1:50051").credentials(Credentials::basic("key", "secret"));
//! let client = Client::connect(&endpoint).await?;
//! let tx = client.begin(v1::BeginTransactionRequest {
//!     repository: "lake".into(),
//!     base_branch: "main".into(),
//!     ..Default::default()
//! }).await?;
//! let place = Place::transaction(&tx.transaction_id);
//! client.write(&place, "a.txt", &b"hello"[..], WriteOptions::default()).await?;
//! client.commit(&tx.transaction_id, CommitOptions { message: "add a.txt".into(), ..Default::default() }).await?;
//! # Ok(())
//! # }
//! ```
//!
//! [`v1`] contains the protobuf messages. A failed call returns an [`Error`] with the reason that the server sent.
//! A [`Client`] is cheap to clone, and its calls may run concurrently.

mod client;
mod credentials;
mod endpoint;
mod error;
mod files;
mod lakectl;
mod place;
mod progress;
mod request_id;
mod retry;
mod streams;
mod transactions;
mod versions;

pub use client::Client;
pub use credentials::Credentials;
pub use endpoint::Endpoint;
pub use error::{Code, Error, ErrorReason, FieldViolation, PathFailure, Result};
pub use files::batch::Object;
pub use files::batch_write::NewObject;
pub use files::list::ListOptions;
pub use files::many::{Outcome, Subtree};
pub use files::read::{Download, ReadOptions};
pub use files::upload::{Upload, UploadOptions, UploadProgress};
pub use files::write::WriteOptions;
pub use lakeport_proto::v1;
pub use place::Place;
pub use transactions::CommitOptions;
