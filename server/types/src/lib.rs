//! Validated types for the names, keys, ranges and key patterns of lakeFS.
//!
//! The program validates each value once, where it enters, with `TryFrom` or `FromStr`. Inside the program, a value of one of
//! these types is always valid. The grammars are those of lakeFS. Where lakeFS accepts more than is safe in a URL, the type is
//! stricter, and its doc comment states the difference.

mod glob;
mod idempotency;
mod name;
mod path;
mod range;
mod transaction;

pub use glob::{Glob, InvalidGlob};
pub use idempotency::IdempotencyKey;
pub use name::{BranchName, CommitId, InvalidName, Ref, RepositoryId, TagName};
pub use path::{InvalidPath, ObjectPath, Prefix};
pub use range::{ByteRange, RangeOutOfBounds};
pub use transaction::TransactionId;

/// Prefix of transaction branches. Callers cannot create, write to or merge a branch with this prefix by name.
pub const TRANSACTION_BRANCH_PREFIX: &str = "lakeport-tx-";

/// Prefix of the metadata keys that are reserved for lakeport. Callers cannot set a key with this prefix.
pub const RESERVED_METADATA_PREFIX: &str = "lakeport.";
