//! Authentication of calls: verifies credentials with lakeFS, and selects the permissions that a call uses.

mod access;
mod caller;
mod principals;

pub use access::{Access, Claim, Token};
pub use caller::{Caller, Held};
pub use principals::Principals;
