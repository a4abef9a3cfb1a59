//! `FileService.Copy`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Ops;
use crate::ops::files::transfer::{Transfer, Transferring, begin};
use crate::ops::place::Place;

/// Begins a copy.
///
/// # Errors
/// `InvalidField` where source and destination overlap; those of the place.
pub async fn copy(ops: &Ops, caller: &Caller, place: &Place, transfer: Transfer) -> Result<Transferring> {
    begin(ops, caller, place, transfer, false).await
}
