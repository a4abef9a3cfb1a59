//! Transactions as durable rows.
//!
//! A [`Transaction`] is the row of one transaction, as the store read it. Its methods are the steps of the protocol: each returns the next
//! row (`transaction/transitions.rs`). [`SessionStore::swap`] writes that row if no other writer was faster. So each step is one
//! compare-and-set, durable before the request to lakeFS that it allows.

mod error;
mod model;
mod statement;
mod store;
mod transaction;
mod watch;

pub use error::Error;
pub use model::{CommitRequest, Failure, Inside, Millis, NewTransaction, Options, Retention, State, Strategy};
pub use store::{BaseTurn, Begun, Claim, Filter, Request, SessionStore, Tally};
pub use transaction::{Details, NotAllowed, Transaction, TransactionRow, Worker};
pub use watch::RowWatch;
