//! Operations of `TransactionService`, one file for each RPC, and the steps that the janitor and `sweep` use.

pub mod begin_transaction;
pub mod clean;
pub mod commit_transaction;
pub mod expire;
pub mod failure;
pub mod get_transaction;
pub mod keep_alive_transaction;
pub mod keep_branch;
pub mod list_transaction_changes;
pub mod list_transactions;
pub mod rollback_transaction;
pub mod sweep;
pub mod watch_transaction;
