//! Branches.

use super::page::{ListQuery, Page, paginate_names};
use super::repositories::{ensure_exists, insert_branch};
use super::{Lake, Repository};
use crate::{Error, Result};
use lakeport_types::{BranchName, CommitId};
use sqlx::{SqliteConnection, SqliteExecutor};

/// Branch and its head.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Branch {
    /// Key of the branch's staged changes. It is never reused: a later branch with the same name has another number.
    pub(crate) number: i64,
    pub(crate) name: String,
    pub(crate) commit_id: String,
}

/// Kind of a named ref.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefKind {
    Branch,
    Tag,
}

/// Staged changes that a reset discards.
#[derive(Debug, Clone)]
pub(crate) enum ResetScope {
    All,
    Object(Vec<u8>),
    Prefix(Vec<u8>),
}

/// Validates a branch name as lakeFS does. `argument` is the name of the argument in lakeFS's error message.
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
    /// Returns the branch with this name.
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

    /// Creates a branch at the commit of `source`, and returns the ID of that commit.
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
        ensure_exists(write.connection(), repository).await?;
        self.ensure_name_is_free(write.connection(), repository, name, RefKind::Branch).await?;
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

    /// Deletes a branch and its staged changes.
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

    /// Discards staged changes.
    pub(crate) async fn reset_branch(
        &self,
        repository: &Repository,
        name: &str,
        scope: &ResetScope,
        force: bool,
    ) -> Result<()> {
        repository.writable(force)?;
        let branch = self.branch(repository, name, "branch").await?;
        self.ensure_unprotected(repository, name, "cannot write to protected branch").await?;
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

    /// Moves a branch to another commit. Its staged changes do not change.
    pub(crate) async fn hard_reset(
        &self,
        repository: &Repository,
        name: &str,
        target: &str,
        force: bool,
    ) -> Result<()> {
        repository.writable(force)?;
        let branch = self.branch(repository, name, "branch").await?;
        self.ensure_unprotected(repository, name, "protected branch").await?;
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

    /// Returns an error if a ref of another kind has the name, because a name must not be ambiguous.
    pub(super) async fn ensure_name_is_free(
        &self,
        connection: &mut SqliteConnection,
        repository: &Repository,
        name: &str,
        kind: RefKind,
    ) -> Result<()> {
        let (other, label) = match kind {
            RefKind::Branch => ("SELECT 1 FROM tags WHERE repository = $1 AND name = $2", "tag ID"),
            RefKind::Tag => ("SELECT 1 FROM branches WHERE repository = $1 AND name = $2", "branch name"),
        };
        let clash: Option<i64> =
            sqlx::query_scalar(other).bind(repository.number).bind(name).fetch_optional(&mut *connection).await?;
        if clash.is_some() {
            return Err(Error::conflict(format!("{label} {name}: conflict found")));
        }
        if CommitId::try_from(name).is_ok() && self.commit_on(connection, repository, name).await?.is_some() {
            return Err(Error::conflict(format!("commit ID {name}: conflict found")));
        }
        Ok(())
    }
}

/// Returns an error if a value is empty. As in lakeFS, its status is 500.
pub(super) fn required(value: &str, argument: &str) -> Result<()> {
    if value.is_empty() {
        let message = format!("argument {argument}: required value: validation error");
        return Err(Error::refused(http::StatusCode::INTERNAL_SERVER_ERROR, message));
    }
    Ok(())
}
