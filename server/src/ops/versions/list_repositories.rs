//! `VersionService.ListRepositories`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Ops;
use lakeport_lakefs::{Page, Repository};

/// Lists repositories by name.
///
/// # Errors
/// Those of every call.
pub async fn list_repositories(
    _ops: &Ops,
    caller: &Caller,
    prefix: &str,
    after: &str,
    amount: usize,
) -> Result<Page<Repository>> {
    match caller.lakefs.repositories(prefix, after, amount).await {
        Ok(page) => Ok(page),
        Err(error) => Err(caller.explain(error.into()).await),
    }
}
