//! `VersionService.ListRepositories`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Ops;
use lakeport_lakefs::{Page, Repository};

/// Repositories by name.
///
/// # Errors
/// As every call.
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
