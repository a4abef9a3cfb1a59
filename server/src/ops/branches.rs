//! Branches.

use super::absent::{no_repository, not_a_branch};
use super::repositories::outcome;
use super::{Caller, Ops};
use crate::error::{Error, Kind, Result};
use lakeport_lakefs::{self as lakefs, Branch, Page, Staged};
use lakeport_types::{BranchName, Ref, RepositoryId};

async fn refused(caller: &Caller, repository: &RepositoryId, name: &str, error: lakefs::Error) -> Error {
    match error.kind() {
        lakefs::Kind::RepositoryNotFound => no_repository(repository),
        lakefs::Kind::BranchNotFound => {
            let is_other = match Ref::try_from(name) {
                Ok(reference) => caller.lakefs.get_commit(repository, &reference).await.is_ok(),
                Err(_) => false,
            };
            if is_other { not_a_branch(name) } else { no_ref(repository, name) }
        }
        lakefs::Kind::NotFound | lakefs::Kind::CommitNotFound => no_ref(repository, name),
        lakefs::Kind::AlreadyExists => {
            Error::new(Kind::BranchExists, format!("branch {name} is there, or another ref has its name")).about([name])
        }
        lakefs::Kind::DefaultBranch => Error::new(
            Kind::DefaultBranch,
            format!("{name} is the default branch of {repository} and cannot be deleted"),
        ),
        _ => caller.explain(outcome(error)).await,
    }
}

pub(super) fn no_ref(repository: &RepositoryId, name: &str) -> Error {
    Error::new(Kind::RefNotFound, format!("repository {repository} has no ref {name}")).about([name])
}

/// Refuses the names that belong to transactions.
fn check_name(branch: &BranchName) -> Result<()> {
    if branch.is_transaction() {
        let message = format!("branch {branch}: names that begin with lakeport-tx- belong to transactions");
        return Err(Error::new(Kind::ReservedName, message));
    }
    Ok(())
}

/// Branches by name, without those of transactions, which are hidden.
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
        Err(error) => Err(refused(caller, repository, prefix, error).await),
    }
}

/// A branch.
///
/// # Errors
/// `RefNotFound`, `RefNotABranch`, `RepositoryNotFound`.
pub async fn get_branch(_ops: &Ops, caller: &Caller, repository: &RepositoryId, branch: &BranchName) -> Result<Branch> {
    match caller.lakefs.branch(repository, branch).await {
        Ok(found) => Ok(found),
        Err(error) => Err(refused(caller, repository, branch.as_str(), error).await),
    }
}

/// Makes a branch at the commit of a ref.
///
/// # Errors
/// `BranchExists`, `RefNotFound`, `RepositoryNotFound`, `ReservedName`.
pub async fn create_branch(
    _ops: &Ops,
    caller: &Caller,
    repository: &RepositoryId,
    branch: &BranchName,
    source: &Ref,
) -> Result<Branch> {
    check_name(branch)?;
    match caller.lakefs.create_branch(repository, branch, source, false).await {
        Ok(commit_id) => Ok(Branch { id: branch.to_string(), commit_id }),
        Err(error) if error.kind() == lakefs::Kind::NotFound => Err(no_ref(repository, source.as_str())),
        Err(error) => Err(refused(caller, repository, branch.as_str(), error).await),
    }
}

/// Deletes a branch and what is uncommitted on it.
///
/// # Errors
/// `RefNotFound`, `DefaultBranch`, `RepositoryNotFound`, `ReservedName`.
pub async fn delete_branch(_ops: &Ops, caller: &Caller, repository: &RepositoryId, branch: &BranchName) -> Result<()> {
    check_name(branch)?;
    match caller.lakefs.delete_branch(repository, branch).await {
        Ok(()) => Ok(()),
        Err(error) => Err(refused(caller, repository, branch.as_str(), error).await),
    }
}

/// What a branch is set back to.
#[derive(Debug, Clone)]
pub enum Reset {
    /// Its own commit, wholly or in part.
    Uncommitted(Staged),
    /// Another commit.
    To(Ref),
}

/// Takes back what is uncommitted on a branch, or moves it to another commit.
///
/// # Errors
/// `RefNotFound`, `BranchProtected`, `RepositoryNotFound`, `ReservedName`.
pub async fn reset(
    ops: &Ops,
    caller: &Caller,
    repository: &RepositoryId,
    branch: &BranchName,
    reset: &Reset,
) -> Result<Branch> {
    check_name(branch)?;
    let reset = match reset {
        Reset::Uncommitted(what) => caller.lakefs.reset_branch(repository, branch, what).await,
        Reset::To(target) => match caller.lakefs.hard_reset(repository, branch, target).await {
            Err(error) if error.kind() == lakefs::Kind::NotFound => return Err(no_ref(repository, target.as_str())),
            other => other,
        },
    };
    match reset {
        Ok(()) => get_branch(ops, caller, repository, branch).await,
        Err(error) => Err(refused(caller, repository, branch.as_str(), error).await),
    }
}
