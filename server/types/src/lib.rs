//! Names, keys and ranges of lakeFS, parsed once into types that cannot be wrong.
//!
//! Every type here is made by `TryFrom` (or `FromStr`) at a border of the program and never checked again behind it. The
//! grammars are lakeFS's own; where lakeFS is laxer than is safe in a URL, the doc comment of the type says so.

mod idempotency;
mod name;
mod path;
mod range;
mod transaction;

pub use idempotency::IdempotencyKey;
pub use name::{BranchName, CommitId, InvalidName, Ref, RepositoryId, TagName};
pub use path::{InvalidPath, ObjectPath, Prefix};
pub use range::{ByteRange, RangeOutOfBounds};
pub use transaction::TransactionId;

/// Prefix of the branches that transactions work on. Callers can neither create, write to nor merge such a branch by name.
pub const TRANSACTION_BRANCH_PREFIX: &str = "lakeport-tx-";

/// Metadata keys that belong to lakeport and that callers cannot set.
pub const RESERVED_METADATA_PREFIX: &str = "lakeport.";
