//! URLs to read from directly.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::Ops;
use crate::ops::place::Place;
use lakeport_lakefs as lakefs;
use lakeport_types::ObjectPath;

/// A URL to read an object from without credentials.
///
/// # Errors
/// `Unsupported` where the store has none; `ObjectNotFound`, and those of the place.
pub async fn presign(ops: &Ops, caller: &Caller, place: &Place, path: &ObjectPath) -> Result<String> {
    let reading = ops.reading(caller, place).await?;
    match caller.lakefs.presign(&reading.repository, &reading.reference, path).await {
        Ok(url) => Ok(url),
        Err(error) if error.kind() == lakefs::Kind::NotFound => Err(ops.missing(caller, &reading, path).await),
        Err(error) if error.kind() == lakefs::Kind::Unsupported => {
            Err(Error::new(Kind::Unsupported, "the store behind this lakeFS has no presigned URLs: use Read")
                .caused_by(error))
        }
        Err(error) => Err(caller.explain(ops.missing_ref(&reading, error).await).await),
    }
}
