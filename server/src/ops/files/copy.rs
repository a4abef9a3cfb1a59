//! `FileService.Copy`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Shared;
use crate::ops::files::transfer::{Transfer, TransferParams, start};
use crate::ops::place::Place;

/// Starts a copy.
///
/// # Errors
/// `InvalidField` if source and destination overlap; those of the place.
pub async fn copy(ops: &Shared, caller: &Caller, place: &Place, params: TransferParams) -> Result<Transfer> {
    start(ops, caller, place, params, false).await
}
