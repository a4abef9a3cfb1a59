//! `FileService.Move`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Shared;
use crate::ops::files::transfer::{Transfer, TransferParams, start};
use crate::ops::place::Place;

/// Starts a move: it copies all objects, and then deletes the sources.
///
/// # Errors
/// `InvalidField` if source and destination overlap; those of the place.
pub async fn r#move(ops: &Shared, caller: &Caller, place: &Place, params: TransferParams) -> Result<Transfer> {
    start(ops, caller, place, params, true).await
}
