//! Creates and reads commits.

use super::branches::check_branch_name;
use super::{Lake, Repository, now, repositories};
use crate::store::Write;
use crate::tree::{NewTree, TreeId};
use crate::{Error, Result};
use quick_cache::Weighter;
use rand::RngExt;
use sha2::{Digest, Sha256};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use std::collections::BTreeMap;

/// Commit.
#[derive(Debug, Clone)]
pub(crate) struct Commit {
    /// SHA-256 of the other fields except the generation, and of a salt for the first commit of a repository.
    pub(crate) id: String,
    pub(crate) parents: Vec<String>,
    pub(crate) committer: String,
    pub(crate) message: String,
    /// Creation time, in Unix seconds.
    pub(crate) creation_date: i64,
    pub(crate) tree: TreeId,
    pub(crate) metadata: BTreeMap<String, String>,
    /// One more than the highest generation of the parents.
    pub(crate) generation: i64,
}

/// Cache of commits, by repository and ID. Commits never change, and a merge or log reads many of them.
pub(super) type Commits = quick_cache::sync::Cache<(i64, String), Commit, Weight>;

/// Weighs a commit in the cache by its approximate size in bytes, because messages and metadata vary in size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weight;

/// Capacity of the cache, in bytes.
const CACHED_BYTES: u64 = 8 << 20;
/// Approximate size of a commit without message and metadata, in bytes.
const BASE_BYTES: usize = 512;

impl Weighter<(i64, String), Commit> for Weight {
    fn weight(&self, _: &(i64, String), commit: &Commit) -> u64 {
        let metadata = commit.metadata.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
        (BASE_BYTES + commit.message.len() + metadata) as u64
    }
}

pub(super) fn cache() -> Commits {
    Commits::with_weighter(CACHED_BYTES as usize / BASE_BYTES, CACHED_BYTES, Weight)
}

/// Parameters of a commit.
#[derive(Debug, Clone, Default)]
pub(crate) struct CommitRequest {
    pub(crate) message: String,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) date: Option<i64>,
    pub(crate) allow_empty: bool,
    pub(crate) force: bool,
}

/// Maximum number of attempts of an operation whose branch is moved by concurrent operations.
pub(super) const MAX_ATTEMPTS: usize = 50;

/// Returns the error of lakeFS for an operation that failed because of concurrent operations on its branch.
pub(super) fn too_many_attempts() -> Error {
    Error::refused(http::StatusCode::TOO_MANY_REQUESTS, "Too many attempts, try again later")
}

impl Commit {
    /// Creates the first commit of a repository.
    pub(super) fn first(repository: &Repository) -> Self {
        Self::new(vec![], String::new(), "Repository created".into(), now(), TreeId::default(), BTreeMap::new(), 1)
            .salted(repository)
    }

    fn new(
        parents: Vec<String>,
        committer: String,
        message: String,
        creation_date: i64,
        tree: TreeId,
        metadata: BTreeMap<String, String>,
        generation: i64,
    ) -> Self {
        let mut commit =
            Self { id: String::new(), parents, committer, message, creation_date, tree, metadata, generation };
        commit.id = commit.digest(&[]);
        commit
    }

    /// Creates a commit with the given parents. `date` is in Unix seconds; the default is the current time.
    pub(super) fn on(
        parents: &[&Commit],
        committer: &str,
        message: String,
        date: Option<i64>,
        tree: TreeId,
        metadata: BTreeMap<String, String>,
    ) -> Self {
        let generation = parents.iter().map(|parent| parent.generation).max().unwrap_or(0) + 1;
        let parents = parents.iter().map(|parent| parent.id.clone()).collect();
        Self::new(parents, committer.to_owned(), message, date.unwrap_or_else(now), tree, metadata, generation)
    }

    /// Replaces the ID by one that depends on the repository number and a random number. Without the salt, the first
    /// commits of repositories created in the same second would have equal IDs.
    fn salted(mut self, repository: &Repository) -> Self {
        self.id = self.digest(format!("{}/{}", repository.number, rand::rng().random::<u64>()).as_bytes());
        self
    }

    fn digest(&self, salt: &[u8]) -> String {
        let mut digest = Sha256::new();
        let mut add = |field: &[u8]| {
            digest.update((field.len() as u64).to_le_bytes());
            digest.update(field);
        };
        add(salt);
        add(self.committer.as_bytes());
        add(self.message.as_bytes());
        add(&self.creation_date.to_le_bytes());
        add(self.tree.as_str().as_bytes());
        for (name, value) in &self.metadata {
            add(name.as_bytes());
            add(value.as_bytes());
        }
        add(b"parents");
        for parent in &self.parents {
            add(parent.as_bytes());
        }
        hex::encode(digest.finalize())
    }

    /// Decodes a row of the database.
    ///
    /// # Errors
    /// `Damaged` if the commit does not match its ID.
    pub(super) fn decode(row: &SqliteRow) -> Result<Self> {
        let commit = Self {
            id: row.try_get("id")?,
            parents: serde_json::from_str(row.try_get("parents")?)?,
            committer: row.try_get("committer")?,
            message: row.try_get("message")?,
            creation_date: row.try_get("creation_date")?,
            tree: TreeId::stored(row.try_get("tree")?),
            metadata: serde_json::from_str(row.try_get("metadata")?)?,
            generation: row.try_get("generation")?,
        };
        // The ID of a first commit has a salt, which is not stored.
        if !commit.parents.is_empty() && commit.digest(&[]) != commit.id {
            return Err(Error::damaged(format!("commit {} does not match its ID", commit.id)));
        }
        Ok(commit)
    }

    pub(super) async fn insert(&self, connection: &mut SqliteConnection, repository: &Repository) -> Result<()> {
        sqlx::query(
            "INSERT INTO commits (repository, id, parents, committer, message, creation_date, tree, metadata, \
             generation) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
        )
        .bind(repository.number)
        .bind(&self.id)
        .bind(serde_json::to_string(&self.parents)?)
        .bind(&self.committer)
        .bind(&self.message)
        .bind(self.creation_date)
        .bind(self.tree.as_str())
        .bind(serde_json::to_string(&self.metadata)?)
        .bind(self.generation)
        .execute(connection)
        .await?;
        Ok(())
    }
}

impl Lake {
    pub(super) async fn commit_on(
        &self,
        connection: &mut SqliteConnection,
        repository: &Repository,
        id: &str,
    ) -> Result<Option<Commit>> {
        let row = sqlx::query("SELECT * FROM commits WHERE repository = $1 AND id = $2")
            .bind(repository.number)
            .bind(id)
            .fetch_optional(connection)
            .await?;
        row.as_ref().map(Commit::decode).transpose()
    }

    /// Returns the commit to which a branch, a tag or another commit refers.
    ///
    /// # Errors
    /// `Damaged` if it does not exist; `repository not found` if the repository was deleted in the meantime.
    pub(super) async fn existing_commit(
        &self,
        connection: &mut SqliteConnection,
        repository: &Repository,
        id: &str,
    ) -> Result<Commit> {
        if let Some(commit) = self.commit_on(&mut *connection, repository, id).await? {
            return Ok(commit);
        }
        repositories::ensure_exists(connection, repository).await?;
        Err(Error::damaged(format!("commit {id} of repository {} is missing", repository.id)))
    }

    /// Returns the commit that a ref expression resolves to.
    pub(crate) async fn get_commit(&self, repository: &Repository, expression: &str) -> Result<Commit> {
        use http::StatusCode;
        let resolved = self.resolve(repository, expression).await.map_err(|error| match error.status() {
            StatusCode::NOT_FOUND => Error::not_found("commit not found"),
            _ => error.with_status(StatusCode::BAD_REQUEST, StatusCode::INTERNAL_SERVER_ERROR),
        })?;
        resolved
            .must_point_to_a_commit()
            .map_err(|error| error.with_status(StatusCode::BAD_REQUEST, StatusCode::INTERNAL_SERVER_ERROR))?;
        self.commit(repository, &resolved.commit_id).await
    }

    /// Commits the staged changes of a branch.
    pub(crate) async fn commit_branch(
        &self,
        repository: &Repository,
        name: &str,
        request: &CommitRequest,
    ) -> Result<Commit> {
        check_branch_name(name, "branch")?;
        repository.writable(request.force)?;
        self.resolve(repository, name).await.map_err(|error| {
            // lakeFS looks for hooks before it looks for the branch, so the error comes from the hooks.
            error.context("prepare-commit hook aborted, run id '': list actions from commit: listing actions")
        })?;
        let branch = self.branch(repository, name, "branch").await?;
        self.ensure_unprotected(repository, name, "cannot commit to protected branch").await?;
        for _ in 0..MAX_ATTEMPTS {
            let staged = self.staged(repository, &branch).await?;
            if staged.changes.is_empty() && !request.allow_empty {
                return Err(Error::invalid("commit: no changes"));
            }
            let head = self.commit(repository, &staged.head).await?;
            let edits = staged.changes.into_iter().map(|change| (change.key, change.right)).collect();
            let tree = self.trees.apply(repository.number, &head.tree, edits).await?;
            let (message, metadata) = (request.message.clone(), request.metadata.clone());
            let commit = Commit::on(&[&head], &self.account.user, message, request.date, tree.id.clone(), metadata);
            let mut write = self.store.write().await?;
            if self.advance(&mut write, repository, branch.number, &head.id, &commit, &tree).await? {
                sqlx::query("DELETE FROM staging WHERE branch = $1 AND sequence <= $2")
                    .bind(branch.number)
                    .bind(staged.sequence)
                    .execute(write.connection())
                    .await?;
                write.commit().await?;
                return Ok(commit);
            }
        }
        Err(too_many_attempts())
    }

    /// Stores a commit and moves the branch to it, if the branch still points to `head`. Returns whether it did.
    ///
    /// # Errors
    /// `branch not found` if the branch was deleted in the meantime.
    pub(super) async fn advance(
        &self,
        write: &mut Write,
        repository: &Repository,
        branch: i64,
        head: &str,
        commit: &Commit,
        tree: &NewTree,
    ) -> Result<bool> {
        let current: Option<String> = sqlx::query_scalar("SELECT commit_id FROM branches WHERE number = $1")
            .bind(branch)
            .fetch_optional(write.connection())
            .await?;
        match current {
            None => return Err(Error::not_found("branch not found")),
            Some(current) if current != head => return Ok(false),
            Some(_) => {}
        }
        for node in &tree.nodes {
            sqlx::query(
                "INSERT INTO nodes (repository, id, is_range, data) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            )
            .bind(repository.number)
            .bind(&node.id[..])
            .bind(node.is_range)
            .bind(&node.data)
            .execute(write.connection())
            .await?;
        }
        commit.insert(write.connection(), repository).await?;
        sqlx::query("UPDATE branches SET commit_id = $1 WHERE number = $2")
            .bind(&commit.id)
            .bind(branch)
            .execute(write.connection())
            .await?;
        Ok(true)
    }
}
