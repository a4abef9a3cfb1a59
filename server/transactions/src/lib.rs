//! Transactions as durable rows.
//!
//! A [`Transaction`] is the row of one transaction, as read from the store. Each step of the protocol is a method that returns the next
//! row (`transaction/transitions.rs`). [`SessionStore::swap`] writes that row if no other writer changed the row first. Each step is
//! therefore one compare-and-set. It is durable before the server sends the lakeFS request that depends on it.

mod error;
mod in_flight;
mod model;
mod statement;
mod store;
mod transaction;
mod watch;

pub use error::Error;
pub use in_flight::{Busy, InFlight, InFlightRecord};
pub use model::{CommitRequest, Failure, Inside, Millis, NewTransaction, Options, Retention, State, Strategy};
pub use store::{BaseTurn, Begun, Claim, Filter, Request, SessionStore, Slot, Tally};
pub use transaction::{Details, NotAllowed, Transaction, TransactionRow, Worker};
pub use watch::RowWatch;
