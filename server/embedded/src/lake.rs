//! Operations of a lake, without HTTP. Each module implements the methods of [`Lake`] for one kind of resource.

mod backup;
mod branches;
mod checksums;
mod commits;
mod diffs;
mod files;
mod gc;
mod listing;
mod log;
mod merge;
mod objects;
mod page;
mod references;
mod refs;
mod repositories;
mod scrub;
mod staging;
mod tags;

pub use backup::BackedUp;
pub(crate) use branches::{Branch, ResetScope};
pub(crate) use commits::{Commit, CommitRequest};
pub(crate) use diffs::DiffQuery;
pub use files::LakeFiles;
pub use gc::Collected;
pub(crate) use log::LogQuery;
pub(crate) use merge::{MergeRequest, Strategy};
pub(crate) use objects::{LinkRequest, Upload};
pub(crate) use page::{ListQuery, Listed, Page};
pub(crate) use repositories::Repository;
pub use scrub::Scrubbed;

use crate::blobs::{self, Blobs};
use crate::store::Store;
use crate::tree::Trees;
use crate::{Error, Result};
use base64::Engine as _;
use rand::RngExt;
use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Durable store of versioned objects. Only one process at a time can open it.
pub struct Lake {
    dir: PathBuf,
    store: Store,
    trees: Trees,
    commits: commits::Commits,
    checksums: checksums::Cache,
    blobs: Blobs,
    /// Sequence number of the last staged write.
    sequence: AtomicI64,
    account: Account,
    /// Random ID of this lake. It is stored with the data and never changes.
    installation: String,
    _lock: File,
}

/// The only user of the lake, with all permissions.
#[derive(Clone)]
pub struct Account {
    /// User name, which is also the committer of commits.
    pub user: String,
    /// Access key ID.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: String,
    /// Creation time, in Unix seconds.
    pub(crate) creation_date: i64,
    /// Key that signs login tokens.
    pub(crate) token_key: Vec<u8>,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Lake {
    /// Opens the lake in `dir`. If `dir` contains no lake, creates one with a new account.
    ///
    /// # Errors
    /// Returns an error if another process has the lake open, if the lake has a later schema version, if its database is
    /// missing, or if the directory cannot be used.
    pub async fn open(dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        // The directory contains the secret access key, in the account file and in the database.
        #[cfg(unix)]
        std::fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        let lock = lock(dir)?;
        ensure_database(dir)?;
        let store = Store::open(&dir.join(DATABASE)).await?;
        let trees = Trees::new(store.nodes().clone());
        let blobs = Blobs::create_under(dir).await?;
        let account = account(&store).await?;
        write_account(dir, &account)?;
        let installation = setting(&store, "installation", random_text).await?;
        let sequence: i64 =
            sqlx::query_scalar("SELECT coalesce(max(sequence), 0) FROM staging").fetch_one(store.pool()).await?;
        let (commits, checksums) = (commits::cache(), checksums::cache());
        Ok(Self {
            dir: dir.to_owned(),
            store,
            trees,
            commits,
            checksums,
            blobs,
            sequence: sequence.into(),
            account,
            installation,
            _lock: lock,
        })
    }

    /// Returns the account of the lake.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Returns whether no repository was ever created in this lake.
    ///
    /// # Errors
    /// Returns an error if the database fails.
    pub async fn is_new(&self) -> Result<bool> {
        let used: i64 = sqlx::query_scalar("SELECT count(*) FROM namespaces").fetch_one(self.store.pool()).await?;
        Ok(used == 0)
    }

    /// Checks that files and the database of the lake can be written.
    ///
    /// # Errors
    /// Returns the error of a write.
    pub async fn check_writable(&self) -> Result<()> {
        self.blobs.check_writable().await?;
        let mut write = self.store.write().await?;
        // Equal pages are not written, so the value changes.
        sqlx::query("INSERT INTO settings (name, value) VALUES ('last_check', $1) ON CONFLICT DO UPDATE SET value = excluded.value")
            .bind(random_hex())
            .execute(write.connection())
            .await?;
        write.commit().await
    }

    /// Replaces the error of a write if the disk is full. SQLite does not distinguish a reached quota from other failed writes.
    pub(crate) async fn explain(&self, error: Error) -> Error {
        match error.is_failed_write() {
            true => match self.blobs.check_writable().await {
                Err(full @ Error::Full(_)) => full,
                _ => error,
            },
            false => error,
        }
    }

    pub(crate) fn installation(&self) -> &str {
        &self.installation
    }

    /// Waits for running database operations, and closes the database.
    pub async fn close(&self) {
        self.store.close().await;
    }

    fn next_sequence(&self) -> i64 {
        self.sequence.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// Returns the current time, in Unix seconds.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().cast_signed())
}

fn lock(dir: &Path) -> Result<File> {
    let file = File::create(dir.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::open(format!(
            "{} is in use by another process: stop that process, or use another directory",
            dir.display()
        ))),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// File of the database.
const DATABASE: &str = "lake.db";

/// Returns an error if a directory has blobs but no database. A new, empty database would make all blobs garbage.
fn ensure_database(dir: &Path) -> Result<()> {
    if dir.join(DATABASE).exists() {
        return Ok(());
    }
    if dir.join(backup::UNFINISHED).exists() {
        return Err(Error::open(format!("the backup in {} was not finished: make it again", dir.display())));
    }
    if blobs::has_any(dir)? {
        return Err(Error::open(format!(
            "{} contains bytes of objects, but no {DATABASE}: restore this file from a backup",
            dir.display()
        )));
    }
    Ok(())
}

/// Name of the file with the key pair of the account, in the format of lakectl's configuration file.
pub const ACCOUNT_FILE: &str = "lakectl.yaml";

/// Writes the account file, which only the owner of the lake can read. An unchanged file is not written, because a full disk
/// would leave it empty.
fn write_account(dir: &Path, account: &Account) -> Result<()> {
    let Account { access_key_id, secret_access_key, .. } = account;
    let text = format!("credentials:\n  access_key_id: {access_key_id}\n  secret_access_key: {secret_access_key}\n");
    let path = dir.join(ACCOUNT_FILE);
    if std::fs::read_to_string(&path).is_ok_and(|written| written == text) {
        return Ok(());
    }
    let mut options = std::fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.write(true).create(true).truncate(true).open(path)?;
    file.write_all(text.as_bytes())?;
    Ok(())
}

async fn account(store: &Store) -> Result<Account> {
    let access_key_id =
        setting(store, "access_key_id", || format!("AKIAL{}", &random_hex()[..15].to_uppercase())).await?;
    let secret_access_key = setting(store, "secret_access_key", random_text).await?;
    let token_key = setting(store, "token_key", random_text).await?.into_bytes();
    let creation_date = setting(store, "creation_date", || now().to_string()).await?.parse().unwrap_or_default();
    Ok(Account { user: "admin".into(), access_key_id, secret_access_key, creation_date, token_key })
}

/// Returns a setting. If it does not exist, stores the value that `make` returns.
async fn setting(store: &Store, name: &str, make: impl FnOnce() -> String) -> Result<String> {
    let mut write = store.write().await?;
    let stored: Option<String> = sqlx::query_scalar("SELECT value FROM settings WHERE name = $1")
        .bind(name)
        .fetch_optional(write.connection())
        .await?;
    if let Some(value) = stored {
        return Ok(value);
    }
    let value = make();
    sqlx::query("INSERT INTO settings (name, value) VALUES ($1, $2)")
        .bind(name)
        .bind(&value)
        .execute(write.connection())
        .await?;
    write.commit().await?;
    Ok(value)
}

fn random_hex() -> String {
    format!("{:032x}", rand::rng().random::<u128>())
}

fn random_text() -> String {
    base64::engine::general_purpose::STANDARD_NO_PAD.encode(rand::rng().random::<[u8; 30]>())
}
