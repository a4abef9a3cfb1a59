//! Repositories, their metadata and their branch protection rules.

use super::page::{ListQuery, Page, paginate_names};
use super::{Commit, Lake, now};
use crate::{Error, Result};
use lakeport_types::RepositoryId;
use sqlx::SqliteConnection;
use std::collections::BTreeMap;

/// Repository.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Repository {
    /// Key of the repository's data. It is never reused: a later repository with the same ID has another number.
    pub(crate) number: i64,
    pub(crate) id: String,
    pub(crate) storage_namespace: String,
    pub(crate) default_branch: String,
    pub(crate) read_only: bool,
    pub(crate) creation_date: i64,
}

impl Repository {
    /// Returns an error if the repository is read-only and `force` is false.
    pub(crate) fn writable(&self, force: bool) -> Result<()> {
        if self.read_only && !force { Err(Error::forbidden("read-only repository")) } else { Ok(()) }
    }
}

impl Lake {
    /// Returns the repository with this ID.
    pub(crate) async fn repository(&self, id: &str) -> Result<Repository> {
        if RepositoryId::try_from(id).is_err() {
            return Err(Error::invalid("argument repository: repository id: invalid value: validation error"));
        }
        sqlx::query_as("SELECT * FROM repositories WHERE id = $1")
            .bind(id)
            .fetch_optional(self.store.pool())
            .await?
            .ok_or_else(|| Error::not_found("repository not found"))
    }

    /// Creates a repository. A bare repository has no branch and no commit.
    pub(crate) async fn create_repository(
        &self,
        id: &str,
        namespace: &str,
        default_branch: &str,
        read_only: bool,
        bare: bool,
    ) -> Result<Repository> {
        if !namespace.starts_with("local://") {
            return Err(Error::invalid("failed to match required regex ^local://: invalid namespace"));
        }
        let mut write = self.store.write().await?;
        let taken: Option<i64> = sqlx::query_scalar("SELECT 1 FROM repositories WHERE id = $1")
            .bind(id)
            .fetch_optional(write.connection())
            .await?;
        if taken.is_some() {
            return Err(Error::conflict("error creating repository: not unique"));
        }
        let fresh = sqlx::query("INSERT INTO namespaces (storage_namespace) VALUES ($1) ON CONFLICT DO NOTHING")
            .bind(namespace)
            .execute(write.connection())
            .await?;
        if fresh.rows_affected() == 0 {
            return Err(Error::invalid(format!(
                "failed to create repository: found lakeFS objects in the storage (:{namespace}) \
                 key(_lakefs/dummy): storage namespace already in use"
            )));
        }
        let repository: Repository = sqlx::query_as(
            "INSERT INTO repositories (id, storage_namespace, default_branch, read_only, creation_date) \
             VALUES ($1, $2, $3, $4, $5) RETURNING *",
        )
        .bind(id)
        .bind(namespace)
        .bind(default_branch)
        .bind(read_only)
        .bind(now())
        .fetch_one(write.connection())
        .await?;
        if !bare {
            let commit = Commit::first(&repository);
            commit.insert(write.connection(), &repository).await?;
            insert_branch(write.connection(), &repository, default_branch, &commit.id, false).await?;
        }
        write.commit().await?;
        Ok(repository)
    }

    /// Lists repositories whose IDs contain `search`, in the order of the IDs.
    pub(crate) async fn list_repositories(&self, search: &str, query: &ListQuery) -> Result<Page<Repository>> {
        let all: Vec<Repository> = sqlx::query_as("SELECT * FROM repositories WHERE instr(id, $1) > 0 ORDER BY id")
            .bind(search)
            .fetch_all(self.store.pool())
            .await?;
        Ok(paginate_names(all, query, |repository| &repository.id))
    }

    /// Deletes a repository and all its contents. [`Lake::gc`] deletes the bytes of its objects later.
    pub(crate) async fn delete_repository(&self, id: &str, force: bool) -> Result<()> {
        let repository = self.repository(id).await?;
        repository.writable(force)?;
        let mut write = self.store.write().await?;
        for statement in [
            "DELETE FROM staging WHERE branch IN (SELECT number FROM branches WHERE repository = $1)",
            "DELETE FROM branches WHERE repository = $1",
            "DELETE FROM tags WHERE repository = $1",
            "DELETE FROM commits WHERE repository = $1",
            "DELETE FROM nodes WHERE repository = $1",
            "DELETE FROM protections WHERE repository = $1",
            "DELETE FROM repository_metadata WHERE repository = $1",
            "DELETE FROM repositories WHERE number = $1",
        ] {
            sqlx::query(statement).bind(repository.number).execute(write.connection()).await?;
        }
        write.commit().await
    }

    pub(crate) async fn repository_metadata(&self, repository: &Repository) -> Result<BTreeMap<String, String>> {
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT name, value FROM repository_metadata WHERE repository = $1")
                .bind(repository.number)
                .fetch_all(self.store.pool())
                .await?;
        Ok(rows.into_iter().collect())
    }

    /// Sets the keys in `set`, and deletes the keys in `unset`.
    pub(crate) async fn update_repository_metadata(
        &self,
        repository: &Repository,
        set: &BTreeMap<String, String>,
        unset: &[String],
    ) -> Result<()> {
        repository.writable(false)?;
        let mut write = self.store.write().await?;
        for (name, value) in set {
            sqlx::query(
                "INSERT INTO repository_metadata (repository, name, value) VALUES ($1, $2, $3) \
                 ON CONFLICT DO UPDATE SET value = excluded.value",
            )
            .bind(repository.number)
            .bind(name)
            .bind(value)
            .execute(write.connection())
            .await?;
        }
        for name in unset {
            sqlx::query("DELETE FROM repository_metadata WHERE repository = $1 AND name = $2")
                .bind(repository.number)
                .bind(name)
                .execute(write.connection())
                .await?;
        }
        write.commit().await
    }

    /// Returns the patterns of protected branches.
    pub(crate) async fn protections(&self, repository: &Repository) -> Result<Vec<String>> {
        Ok(sqlx::query_scalar("SELECT pattern FROM protections WHERE repository = $1 ORDER BY pattern")
            .bind(repository.number)
            .fetch_all(self.store.pool())
            .await?)
    }

    /// Replaces the patterns of protected branches.
    pub(crate) async fn set_protections(&self, repository: &Repository, patterns: &[String]) -> Result<()> {
        let mut write = self.store.write().await?;
        sqlx::query("DELETE FROM protections WHERE repository = $1")
            .bind(repository.number)
            .execute(write.connection())
            .await?;
        for pattern in patterns {
            sqlx::query("INSERT INTO protections (repository, pattern) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .bind(repository.number)
                .bind(pattern)
                .execute(write.connection())
                .await?;
        }
        write.commit().await
    }

    /// Returns an error with `message` if a branch is protected.
    pub(super) async fn ensure_unprotected(&self, repository: &Repository, branch: &str, message: &str) -> Result<()> {
        let patterns = self.protections(repository).await?;
        if patterns.iter().any(|pattern| matches(pattern.as_bytes(), branch.as_bytes())) {
            return Err(Error::forbidden(message));
        }
        Ok(())
    }
}

pub(super) async fn insert_branch(
    connection: &mut SqliteConnection,
    repository: &Repository,
    name: &str,
    commit: &str,
    hidden: bool,
) -> Result<bool> {
    let made = sqlx::query(
        "INSERT INTO branches (repository, name, commit_id, hidden) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
    )
    .bind(repository.number)
    .bind(name)
    .bind(commit)
    .bind(hidden)
    .execute(connection)
    .await?;
    Ok(made.rows_affected() == 1)
}

/// Returns an error if a repository was deleted after it was read. Without this check, a write would leave data of a deleted
/// repository.
pub(super) async fn ensure_exists(connection: &mut SqliteConnection, repository: &Repository) -> Result<()> {
    let found: Option<i64> = sqlx::query_scalar("SELECT 1 FROM repositories WHERE number = $1")
        .bind(repository.number)
        .fetch_optional(connection)
        .await?;
    found.map(|_| ()).ok_or_else(|| Error::not_found("repository not found"))
}

/// Matches a name against a glob pattern, in which `*` matches any number of bytes and `?` matches one byte.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => matches(rest, name) || name.split_first().is_some_and(|(_, n)| matches(pattern, n)),
        (Some((b'?', rest)), Some((_, name))) => matches(rest, name),
        (Some((p, rest)), Some((n, name))) => p == n && matches(rest, name),
        _ => false,
    }
}
