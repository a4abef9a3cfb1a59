//! Staging area: the uncommitted changes of branches.

use super::branches::{self, Branch};
use super::page::successor;
use super::{Lake, Repository};
use crate::store::Write;
use crate::tree::{Change, Entry, Key, TreeId};
use crate::{Error, Result};
use sqlx::{SqliteConnection, SqlitePool};

/// Staged change of a key: the new entry, or `None` for a deletion.
pub(super) type Staging = Option<Entry>;

/// Consistent view of the uncommitted changes of a branch.
pub(super) struct Staged {
    /// Head of the branch, to which the changes apply.
    pub(super) head: String,
    /// Sequence number of the last write in `changes`.
    pub(super) sequence: i64,
    /// Changes that differ from the head. An upload of identical content, for example, is not a change.
    pub(super) changes: Vec<Change>,
}

/// Number of rows per query of the staging area.
const BATCH: i64 = 1000;

impl Lake {
    /// Stages an entry, or the deletion of a key.
    pub(super) async fn stage(&self, write: &mut Write, branch: i64, key: &[u8], entry: Option<&Entry>) -> Result<()> {
        let entry = entry.map(postcard::to_stdvec).transpose()?;
        let crc32c = row_checksum(branch, key, entry.as_deref());
        sqlx::query(
            "INSERT INTO staging (branch, path, sequence, entry, crc32c) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT DO UPDATE SET sequence = excluded.sequence, entry = excluded.entry, crc32c = excluded.crc32c",
        )
        .bind(branch)
        .bind(key)
        .bind(self.next_sequence())
        .bind(entry)
        .bind(i64::from(crc32c))
        .execute(write.connection())
        .await?;
        Ok(())
    }

    /// Returns the current entry of a key on a branch: the staged entry, or else the entry of the head.
    pub(super) async fn current(
        &self,
        connection: &mut SqliteConnection,
        repository: &Repository,
        branch: &Branch,
        key: &[u8],
    ) -> Result<Option<Entry>> {
        if let Some(staged) = staged_at(connection, branch.number, key).await? {
            return Ok(staged);
        }
        let tree = self.existing_commit(connection, repository, &branch.commit_id).await?.tree;
        self.trees.get(repository.number, &tree, key).await
    }

    /// Returns the uncommitted changes of a branch.
    pub(super) async fn staged(&self, repository: &Repository, branch: &Branch) -> Result<Staged> {
        let mut snapshot = self.store.snapshot().await?;
        let connection = snapshot.connection();
        let branch = branches::find(&mut *connection, repository, &branch.name)
            .await?
            .filter(|found| found.number == branch.number)
            .ok_or_else(|| Error::not_found("branch not found"))?;
        let tree = self.existing_commit(connection, repository, &branch.commit_id).await?.tree;
        let (mut changes, mut from, mut sequence) = (Vec::new(), Vec::new(), 0);
        loop {
            let rows = rows_from(connection, branch.number, &from, BATCH).await?;
            let Some(last) = rows.last() else { return Ok(Staged { head: branch.commit_id, sequence, changes }) };
            from = successor(&last.key);
            for row in rows {
                sequence = sequence.max(row.sequence);
                changes.extend(self.real_change(repository, &tree, row).await?);
            }
        }
    }

    async fn real_change(&self, repository: &Repository, tree: &TreeId, row: StagedRow) -> Result<Option<Change>> {
        let left = self.trees.get(repository.number, tree, &row.key).await?;
        let unchanged = match (&left, &row.entry) {
            (None, None) => true,
            (Some(left), Some(right)) => left.same_content(right),
            _ => false,
        };
        Ok((!unchanged).then_some(Change { key: row.key, left, right: row.entry, conflict: false }))
    }

    /// Returns whether nothing was staged on a branch after `sequence`.
    pub(super) async fn nothing_staged_since(write: &mut Write, branch: i64, sequence: i64) -> Result<bool> {
        let later: Option<i64> =
            sqlx::query_scalar("SELECT 1 FROM staging WHERE branch = $1 AND sequence > $2 LIMIT 1")
                .bind(branch)
                .bind(sequence)
                .fetch_optional(write.connection())
                .await?;
        Ok(later.is_none())
    }
}

/// Row of the staging area.
pub(super) struct StagedRow {
    pub(super) key: Key,
    pub(super) sequence: i64,
    pub(super) entry: Staging,
}

/// Entry of a row as stored, with its checksum.
type StoredEntry = (Option<Vec<u8>>, Option<i64>);

/// Returns the staged change of a key, or `None` if the key has no staged change.
pub(super) async fn staged_at(connection: &mut SqliteConnection, branch: i64, key: &[u8]) -> Result<Option<Staging>> {
    let row: Option<StoredEntry> = sqlx::query_as("SELECT entry, crc32c FROM staging WHERE branch = $1 AND path = $2")
        .bind(branch)
        .bind(key)
        .fetch_optional(connection)
        .await?;
    row.map(|stored| decode(branch, key, stored)).transpose()
}

/// Row of a branch, joined with its staged change of one key.
type BranchRow = (String, Option<i64>, Option<Vec<u8>>, Option<i64>);

/// Returns the head of a branch and the staged change of a key, or `None` if the branch does not exist. One statement reads
/// both, so they are consistent.
pub(super) async fn on_branch(
    pool: &SqlitePool,
    repository: &Repository,
    branch: &str,
    key: &[u8],
) -> Result<Option<(String, Option<Staging>)>> {
    let row: Option<BranchRow> = sqlx::query_as(
        "SELECT branches.commit_id, staging.branch, staging.entry, staging.crc32c FROM branches \
         LEFT JOIN staging ON staging.branch = branches.number AND staging.path = $3 \
         WHERE branches.repository = $1 AND branches.name = $2",
    )
    .bind(repository.number)
    .bind(branch)
    .bind(key)
    .fetch_optional(pool)
    .await?;
    let found = row.map(|(commit_id, staged_on, entry, crc32c)| {
        let staged = staged_on.map(|branch| decode(branch, key, (entry, crc32c))).transpose()?;
        Ok((commit_id, staged))
    });
    found.transpose()
}

/// Row as stored: path, sequence number, entry and checksum.
type StoredRow = (Vec<u8>, i64, Option<Vec<u8>>, Option<i64>);

/// Returns at most `limit` rows with keys greater than or equal to `from`, in key order.
pub(super) async fn rows_from(
    connection: &mut SqliteConnection,
    branch: i64,
    from: &[u8],
    limit: i64,
) -> Result<Vec<StagedRow>> {
    let rows: Vec<StoredRow> = sqlx::query_as(
        "SELECT path, sequence, entry, crc32c FROM staging WHERE branch = $1 AND path >= $2 ORDER BY path LIMIT $3",
    )
    .bind(branch)
    .bind(from)
    .bind(limit)
    .fetch_all(connection)
    .await?;
    let decoded = rows.into_iter().map(|(key, sequence, entry, crc32c)| {
        let entry = decode(branch, &key, (entry, crc32c))?;
        Ok(StagedRow { key, sequence, entry })
    });
    decoded.collect()
}

/// Returns the checksum of a row.
fn row_checksum(branch: i64, key: &[u8], entry: Option<&[u8]>) -> u32 {
    let parts = [&branch.to_le_bytes(), key, entry.unwrap_or_default()];
    parts.iter().fold(0, |crc, part| crc32c::crc32c_append(crc, part))
}

/// Decodes a row. Verifies its checksum, if it has one.
pub(super) fn decode(branch: i64, key: &[u8], (entry, crc32c): StoredEntry) -> Result<Staging> {
    if crc32c.is_some_and(|stored| stored != i64::from(row_checksum(branch, key, entry.as_deref()))) {
        let path = String::from_utf8_lossy(key);
        return Err(Error::damaged(format!("the uncommitted change of {path:?} does not match its checksum")));
    }
    Ok(entry.map(|entry| postcard::from_bytes(&entry)).transpose()?)
}
