//! Repositories, branches, tags and commits.

mod branches;
mod commits;
mod history;
mod repositories;
mod tags;

use crate::{Error, Result};

/// What an answer is about, which a server that keeps the contract always sends.
fn expect<T>(answer: Option<T>) -> Result<T> {
    answer.ok_or_else(|| Error::nonsense("the server answered without saying what it is about"))
}
