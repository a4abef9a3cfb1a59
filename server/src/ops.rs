//! What the product does. An RPC has the same address here as in the contract and in `grpc`: `<service>/<rpc>.rs`.
//!
//! Nothing here names gRPC or its messages. Imports point one way: the three services stand on the modules beside them, and
//! no service imports another.

pub mod batch_memory;
pub mod branches;
pub mod commit_id;
pub mod context;
pub mod differences;
pub mod dirty_branch;
pub mod errors;
pub mod files;
pub mod known_commits;
pub mod lease;
pub mod merge_queue;
pub mod metadata;
pub mod place;
pub mod reading;
pub mod replace_branch;
pub mod rows;
pub mod transactions;
pub mod versions;
pub mod writing;
