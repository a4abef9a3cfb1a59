//! `FileService.Move`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Ops;
use crate::ops::files::transfer::{Transfer, Transferring, begin};
use crate::ops::place::Place;

/// Begins a move: a copy, and then the deletion of the sources once all copies stand.
///
/// # Errors
/// As [`copy`].
pub async fn r#move(ops: &Ops, caller: &Caller, place: &Place, transfer: Transfer) -> Result<Transferring> {
    begin(ops, caller, place, transfer, true).await
}
