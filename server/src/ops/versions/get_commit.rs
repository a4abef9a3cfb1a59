//! `VersionService.GetCommit`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Ops;
use crate::ops::place::Place;
use lakeport_lakefs::Commit;

/// Returns the commit of a ref or transaction.
///
/// # Errors
/// `RefNotFound`, `RepositoryNotFound`, and those of the place.
pub async fn get_commit(ops: &Ops, caller: &Caller, place: &Place) -> Result<Commit> {
    let mut reading = ops.reading(caller, place).await?;
    loop {
        let error = match caller.lakefs.get_commit(&reading.repository, &reading.reference).await {
            Ok(commit) => return Ok(commit),
            Err(error) => caller.explain(ops.missing_ref(&reading, error).await).await,
        };
        reading = ops.read_on(caller, &reading, error).await?;
    }
}
