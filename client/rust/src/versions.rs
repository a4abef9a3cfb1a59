//! Calls for repositories, branches, tags and commits.

mod branches;
mod commits;
mod history;
mod repositories;
mod tags;

use crate::{Error, Result};

/// Returns the value of a response, or an error if the server violates the protocol and sends none.
fn expect<T>(response: Option<T>) -> Result<T> {
    response.ok_or_else(|| Error::invalid_response("the response of the server is empty"))
}
