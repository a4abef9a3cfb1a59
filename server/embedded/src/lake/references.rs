//! References from the metadata to blobs.

use super::staging;
use crate::Result;
use crate::tree::{self, Entry, Range};
use futures_util::TryStreamExt;
use sqlx::{Row, SqliteConnection};

/// Reference to the bytes of an object.
pub(super) struct Reference<'a> {
    pub(super) holder: &'a Holder,
    pub(super) path: &'a [u8],
    pub(super) entry: &'a Entry,
}

/// Metadata that contains a reference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Holder {
    /// Staged change of the branch with this number.
    Branch(i64),
    /// Range of the trees of a repository.
    Range { repository: i64, id: Vec<u8> },
}

/// Calls `visit` with each reference, and with the error for each row that is damaged. Stops if `visit` fails.
pub(super) async fn for_each_reference(
    connection: &mut SqliteConnection,
    mut visit: impl FnMut(Result<Reference<'_>>) -> Result<()>,
) -> Result<()> {
    let mut rows = sqlx::query("SELECT branch, path, entry, crc32c FROM staging").fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        let (branch, path) = (row.try_get("branch")?, row.try_get("path")?);
        match staging::decode(branch, path, (row.try_get("entry")?, row.try_get("crc32c")?)) {
            Ok(None) => {}
            Ok(Some(entry)) => visit(Ok(Reference { holder: &Holder::Branch(branch), path, entry: &entry }))?,
            Err(error) => visit(Err(error))?,
        }
    }
    drop(rows);
    let mut rows = sqlx::query("SELECT repository, id, data FROM nodes WHERE is_range").fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let id: Vec<u8> = row.try_get("id")?;
        match tree::decode::<Range>(&id, row.try_get("data")?) {
            Ok(range) => {
                let holder = Holder::Range { repository: row.try_get("repository")?, id };
                for (path, entry) in &range {
                    visit(Ok(Reference { holder: &holder, path, entry }))?;
                }
            }
            Err(error) => visit(Err(error))?,
        }
    }
    Ok(())
}
