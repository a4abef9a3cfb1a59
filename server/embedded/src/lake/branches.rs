//! Branches.

use super::listing::{ListQuery, Page, paginate_names};
use super::refs::RefKind;
use super::repositories::{insert_branch, still_there};
use super::{Lake, Repository};
use crate::{Error, Result};
use lakeport_types::{BranchName, CommitId};
use sqlx::{SqliteConnection, SqliteExecutor};

/// A branch and where it points.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Branch {
    /// Names what is staged on it. A branch of the same name made later has another.
    pub(crate) number: i64,
    pub(crate) name: String,
    pub(crate) commit_id: String,
}

/// What a reset of staged changes takes back.
#[derive(Debug, Clone)]
pub(crate) enum ResetScope {
    All,
    Object(Vec<u8>),
    Prefix(Vec<u8>),
}

/// Checks a branch name as lakeFS does; `argument` is what lakeFS calls it in this place.
pub(crate) fn check_branch_name(name: &str, argument: &str) -> Result<()> {
    match BranchName::try_from(name) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::invalid(format!("argument {argument}: branch id: invalid value: validation error"))),
    }
}

pub(super) async fn find(
    executor: impl SqliteExecutor<'_>,
    repository: &Repository,
    name: &str,
) -> Result<Option<Branch>> {
    Ok(sqlx::query_as("SELECT number, name, commit_id FROM branches WHERE repository = $1 AND name = $2")
        .bind(repository.number)
        .bind(name)
        .fetch_optional(executor)
        .await?)
}

impl Lake {
    /// The branch of that name.
    pub(crate) async fn branch(&self, repository: &Repository, name: &str, argument: &str) -> Result<Branch> {
        check_branch_name(name, argument)?;
        let found = find(self.store.pool(), repository, name).await?;
        found.ok_or_else(|| Error::not_found("branch not found"))
    }

    pub(crate) async fn list_branches(
        &self,
        repository: &Repository,
        hidden: bool,
        query: &ListQuery,
    ) -> Result<Page<Branch>> {
        let all: Vec<Branch> = sqlx::query_as(
            "SELECT number, name, commit_id FROM branches WHERE repository = $1 AND hidden <= $2 ORDER BY name",
        )
        .bind(repository.number)
        .bind(hidden)
        .fetch_all(self.store.pool())
        .await?;
        Ok(paginate_names(all, query, |branch| &branch.name))
    }

    /// Makes a branch at the commit of `source` and says which that is.
    pub(crate) async fn create_branch(
        &self,
        repository: &Repository,
        name: &str,
        source: &str,
        hidden: bool,
        force: bool,
    ) -> Result<String> {
        required(name, "branch")?;
        required(source, "ref")?;
        check_branch_name(name, "branch").map_err(|error| match error {
            Error::Refused { status, message } => Error::refused(
                status,
                format!(
                    "{message}: branch id must consist of letters, digits, underscores and dashes, and cannot start \
                     with a dash"
                ),
            ),
            other => other,
        })?;
        repository.writable(force)?;
        let mut write = self.store.write().await?;
        still_there(&mut write, repository).await?;
        self.refuse_clash(write.connection(), repository, name, RefKind::Branch).await?;
        if find(write.connection(), repository, name).await?.is_some() {
            return Err(Error::conflict("branch already exists: not unique"));
        }
        let resolved = self
            .resolve_on(write.connection(), repository, source)
            .await
            .map_err(|error| error.context(format!("source reference '{source}'")))?;
        if resolved.staging_only() {
            let message = format!("source reference '{source}': can't create a branch without commit");
            return Err(Error::refused(http::StatusCode::INTERNAL_SERVER_ERROR, message));
        }
        insert_branch(write.connection(), repository, name, &resolved.commit_id, hidden).await?;
        write.commit().await?;
        Ok(resolved.commit_id)
    }

    /// Deletes a branch and what is staged on it.
    pub(crate) async fn delete_branch(&self, repository: &Repository, name: &str, force: bool) -> Result<()> {
        check_branch_name(name, "name")?;
        repository.writable(force)?;
        if name == repository.default_branch {
            return Err(Error::forbidden("cannot delete repository default branch"));
        }
        let mut write = self.store.write().await?;
        let Some(branch) = find(write.connection(), repository, name).await? else {
            return Err(Error::not_found("branch not found"));
        };
        for statement in ["DELETE FROM staging WHERE branch = $1", "DELETE FROM branches WHERE number = $1"] {
            sqlx::query(statement).bind(branch.number).execute(write.connection()).await?;
        }
        write.commit().await
    }

    /// Takes back staged changes.
    pub(crate) async fn reset_branch(
        &self,
        repository: &Repository,
        name: &str,
        scope: &ResetScope,
        force: bool,
    ) -> Result<()> {
        repository.writable(force)?;
        let branch = self.branch(repository, name, "branch").await?;
        self.unprotected(repository, name, "cannot write to protected branch").await?;
        let mut write = self.store.write().await?;
        let reset = match scope {
            ResetScope::All => sqlx::query("DELETE FROM staging WHERE branch = $1").bind(branch.number),
            ResetScope::Object(path) => {
                sqlx::query("DELETE FROM staging WHERE branch = $1 AND path = $2").bind(branch.number).bind(path)
            }
            ResetScope::Prefix(prefix) => {
                sqlx::query("DELETE FROM staging WHERE branch = $1 AND substr(path, 1, length($2)) = $2")
                    .bind(branch.number)
                    .bind(prefix)
            }
        };
        reset.execute(write.connection()).await?;
        write.commit().await
    }

    /// Moves a branch to another commit. What is staged stays staged.
    pub(crate) async fn hard_reset(
        &self,
        repository: &Repository,
        name: &str,
        target: &str,
        force: bool,
    ) -> Result<()> {
        repository.writable(force)?;
        let branch = self.branch(repository, name, "branch").await?;
        self.unprotected(repository, name, "protected branch").await?;
        let mut write = self.store.write().await?;
        let resolved = self
            .resolve_on(write.connection(), repository, target)
            .await
            .map_err(|error| error.context(format!("hard-reset {name} to {target}")))?;
        resolved.must_be_a_commit(target).map_err(|error| error.context(format!("hard-reset {name} to {target}")))?;
        sqlx::query("UPDATE branches SET commit_id = $1 WHERE number = $2")
            .bind(&resolved.commit_id)
            .bind(branch.number)
            .execute(write.connection())
            .await?;
        write.commit().await
    }

    /// Refuses a new name that another kind of ref has: a ref has to mean one thing.
    pub(super) async fn refuse_clash(
        &self,
        connection: &mut SqliteConnection,
        repository: &Repository,
        name: &str,
        kind: RefKind,
    ) -> Result<()> {
        let (other, said) = match kind {
            RefKind::Branch => ("SELECT 1 FROM tags WHERE repository = $1 AND name = $2", "tag ID"),
            RefKind::Tag => ("SELECT 1 FROM branches WHERE repository = $1 AND name = $2", "branch name"),
        };
        let clash: Option<i64> =
            sqlx::query_scalar(other).bind(repository.number).bind(name).fetch_optional(&mut *connection).await?;
        if clash.is_some() {
            return Err(Error::conflict(format!("{said} {name}: conflict found")));
        }
        if CommitId::try_from(name).is_ok() && self.commit_on(connection, repository, name).await?.is_some() {
            return Err(Error::conflict(format!("commit ID {name}: conflict found")));
        }
        Ok(())
    }
}

/// lakeFS answers 500 to an empty name.
pub(super) fn required(value: &str, argument: &str) -> Result<()> {
    if value.is_empty() {
        let message = format!("argument {argument}: required value: validation error");
        return Err(Error::refused(http::StatusCode::INTERNAL_SERVER_ERROR, message));
    }
    Ok(())
}
