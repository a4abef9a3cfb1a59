//! Tags.

use super::branches::{RefKind, required};
use super::page::{ListQuery, Page, paginate_names};
use super::repositories::ensure_exists;
use super::{Lake, Repository};
use crate::{Error, Result};
use lakeport_types::TagName;

/// Tag and its commit, which never changes.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Tag {
    pub(crate) name: String,
    pub(crate) commit_id: String,
}

fn check_tag_name(name: &str) -> Result<()> {
    match TagName::try_from(name) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::invalid("argument tagID: tag id: invalid value: validation error")),
    }
}

impl Lake {
    pub(crate) async fn tag(&self, repository: &Repository, name: &str) -> Result<Tag> {
        check_tag_name(name)?;
        sqlx::query_as("SELECT name, commit_id FROM tags WHERE repository = $1 AND name = $2")
            .bind(repository.number)
            .bind(name)
            .fetch_optional(self.store.pool())
            .await?
            .ok_or_else(|| Error::not_found("tag not found"))
    }

    pub(crate) async fn list_tags(&self, repository: &Repository, query: &ListQuery) -> Result<Page<Tag>> {
        let all: Vec<Tag> = sqlx::query_as("SELECT name, commit_id FROM tags WHERE repository = $1 ORDER BY name")
            .bind(repository.number)
            .fetch_all(self.store.pool())
            .await?;
        Ok(paginate_names(all, query, |tag| &tag.name))
    }

    pub(crate) async fn create_tag(
        &self,
        repository: &Repository,
        name: &str,
        target: &str,
        force: bool,
    ) -> Result<Tag> {
        required(name, "tagID")?;
        check_tag_name(name)?;
        repository.writable(force)?;
        let mut write = self.store.write().await?;
        ensure_exists(write.connection(), repository).await?;
        let resolved = self.resolve_on(write.connection(), repository, target).await?;
        resolved.must_point_to_a_commit()?;
        self.ensure_name_is_free(write.connection(), repository, name, RefKind::Tag).await?;
        let made =
            sqlx::query("INSERT INTO tags (repository, name, commit_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
                .bind(repository.number)
                .bind(name)
                .bind(&resolved.commit_id)
                .execute(write.connection())
                .await?;
        if made.rows_affected() == 0 {
            return Err(Error::conflict("tag already exists: not unique"));
        }
        write.commit().await?;
        Ok(Tag { name: name.to_owned(), commit_id: resolved.commit_id })
    }

    pub(crate) async fn delete_tag(&self, repository: &Repository, name: &str, force: bool) -> Result<()> {
        check_tag_name(name)?;
        repository.writable(force)?;
        let mut write = self.store.write().await?;
        let deleted = sqlx::query("DELETE FROM tags WHERE repository = $1 AND name = $2")
            .bind(repository.number)
            .bind(name)
            .execute(write.connection())
            .await?;
        if deleted.rows_affected() == 0 {
            return Err(Error::not_found("tag not found"));
        }
        write.commit().await
    }
}
