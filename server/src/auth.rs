//! Authentication: whose credentials a call carries, which lakeFS user they belong to, and whose permissions it uses.

mod access;
mod caller;
mod principals;

pub use access::{Access, Claim, Token};
pub use caller::Caller;
pub use principals::Principals;
