//! Backups of a lake that a server may be using.

use super::DATABASE;
use super::files::{LakeFiles, Referenced, Repositories};
use super::references::for_each_reference;
use super::scrub::objects_of;
use crate::blobs::{Blobs, shards, sync_dir};
use crate::{Error, Result};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

/// Result of a backup.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackedUp {
    /// Number of copied blobs.
    pub blobs: usize,
    /// Damage of the lake. Damaged blobs are not in the backup.
    pub damage: Vec<String>,
}

/// Name of the database of a backup until the backup is complete.
pub(super) const UNFINISHED: &str = "lake.db.unfinished";

impl LakeFiles {
    /// Copies the lake to the directory `target`, which must be empty or not exist. The copy is the state of the lake at one
    /// moment after the start of the call, and a lake that [`Lake::open`](crate::Lake::open) opens. All copied bytes are verified.
    ///
    /// # Errors
    /// Returns an error if `target` is not empty, if the metadata of the lake is damaged, or if the database or a file
    /// operation fails.
    pub async fn backup(&self, target: &Path) -> Result<BackedUp> {
        create_empty(target)?;
        let _no_gc = self.exclude_gc().await?;
        let database = target.join(UNFINISHED);
        let name = database.to_str().ok_or_else(|| Error::open("the path of the backup must be UTF-8"))?;
        sqlx::query("VACUUM INTO $1").bind(name).execute(self.store.pool()).await?;
        for shard in shards(target) {
            std::fs::create_dir_all(shard)?;
        }
        let copies = Blobs::at(target);
        let options = SqliteConnectOptions::new().filename(&database).read_only(true);
        let mut copied = SqliteConnection::connect_with(&options).await?;
        let repositories = Repositories::read(&mut copied).await?;
        let (mut blobs, mut damaged) = (0, BTreeMap::new());
        for (id, blob) in blobs_of(&mut copied, &repositories).await? {
            match self.copy_blob(&id, &blob, &copies).await {
                Ok(()) => blobs += 1,
                Err(Error::Damaged(damage)) => drop(damaged.insert(id, damage)),
                Err(error) => return Err(error),
            }
        }
        let damage = objects_of(&mut copied, &repositories, &damaged).await?;
        copied.close().await?;
        for shard in shards(target) {
            sync_dir(shard).await?;
        }
        File::open(&database)?.sync_all()?;
        std::fs::rename(&database, target.join(DATABASE))?;
        sync_dir(target.to_owned()).await?;
        Ok(BackedUp { blobs, damage })
    }

    async fn copy_blob(&self, id: &str, blob: &Referenced, copies: &Blobs) -> Result<()> {
        let source = self.source(id, blob).await?;
        let copy = copies.path(id);
        let mut file = File::create_new(&copy)?;
        let mut synced = file.try_clone()?;
        let read = self.blobs.read_whole(source, blob.md5, move |piece| file.write_all(piece)).await;
        match read {
            Ok(Some(_)) => Ok(synced.flush().and_then(|()| synced.sync_data())?),
            Ok(None) => {
                std::fs::remove_file(&copy)?;
                Err(Error::damaged(format!("the file of blob {id} is missing")))
            }
            Err(error) => {
                std::fs::remove_file(&copy)?;
                Err(error)
            }
        }
    }
}

/// Returns the blobs of all objects.
async fn blobs_of(
    connection: &mut SqliteConnection,
    repositories: &Repositories,
) -> Result<BTreeMap<String, Referenced>> {
    let mut blobs = BTreeMap::new();
    for_each_reference(connection, |reference| {
        let reference = reference?;
        if let Some(blob) = repositories.blob(&reference) {
            blobs.entry(blob.to_owned()).or_insert_with(|| Referenced::by(&reference));
        }
        Ok(())
    })
    .await?;
    Ok(blobs)
}

/// Creates the directory of a backup. Only its owner can read it, since it contains the secret access key.
fn create_empty(target: &Path) -> Result<()> {
    std::fs::create_dir_all(target)?;
    if std::fs::read_dir(target)?.next().is_some() {
        return Err(Error::NotEmpty(target.to_owned()));
    }
    #[cfg(unix)]
    std::fs::set_permissions(target, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(())
}
