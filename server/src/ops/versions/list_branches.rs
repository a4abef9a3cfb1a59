//! `VersionService.ListBranches`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Ops;
use crate::ops::versions::refusals::branch_refused;
use lakeport_lakefs::{Branch, Page};
use lakeport_types::RepositoryId;

/// Lists branches by name. Those of transactions are hidden.
///
/// # Errors
/// `RepositoryNotFound`.
pub async fn list_branches(
    _ops: &Ops,
    caller: &Caller,
    repository: &RepositoryId,
    prefix: &str,
    after: &str,
    amount: usize,
) -> Result<Page<Branch>> {
    match caller.lakefs.branches(repository, prefix, after, amount, false).await {
        Ok(page) => Ok(page),
        Err(error) => Err(branch_refused(caller, repository, prefix, error).await),
    }
}
