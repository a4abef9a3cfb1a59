//! Transactions as durable rows.
//!
//! A [`Transaction`] is what the store says of one transaction at one moment. What may happen to it next is a method that makes
//! the next row from this one (`state`); [`SessionStore::swap`] writes it if nobody was faster. So every step of the protocol
//! is one compare-and-set, made durable before what it allows is done.

mod error;
mod row;
mod state;
mod store;
mod watch;

pub use error::Error;
pub use row::{
    CommitRequest, Failure, Inside, Millis, NewTransaction, Options, Retention, State, Strategy, Transaction,
};
pub use state::{NotAllowed, Worker};
pub use store::{BaseTurn, Begun, Claim, Filter, SessionStore, Tally};
pub use watch::RowWatch;
