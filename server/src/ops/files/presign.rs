//! `FileService.Presign`.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::Ops;
use crate::ops::place::Place;
use lakeport_lakefs as lakefs;
use lakeport_types::ObjectPath;

/// A URL that needs no credentials.
#[derive(Debug, Clone)]
pub struct Presigned {
    /// The URL.
    pub url: String,
    /// Its expiry in Unix seconds, if lakeFS reports it.
    pub expires: Option<i64>,
}

/// Returns a URL from which an object can be read without credentials.
///
/// # Errors
/// `Unsupported` if the object store has no presigned URLs; `ObjectNotFound`, and those of the place.
pub async fn presign(ops: &Ops, caller: &Caller, place: &Place, path: &ObjectPath) -> Result<Presigned> {
    let reading = ops.reading(caller, place).await?;
    match caller.lakefs.presign(&reading.repository, &reading.reference, path).await {
        Ok(stats) => Ok(Presigned { url: stats.physical_address, expires: stats.physical_address_expiry }),
        Err(error) if error.kind() == lakefs::Kind::NotFound => Err(ops.missing(caller, &reading, path).await),
        Err(error) if error.kind() == lakefs::Kind::Unsupported => Err(Error::new(
            Kind::Unsupported,
            "the object store of this lakeFS does not support presigned URLs: use Read",
        )
        .caused_by(error)),
        Err(error) => Err(caller.explain(ops.missing_ref(&reading, error).await).await),
    }
}
