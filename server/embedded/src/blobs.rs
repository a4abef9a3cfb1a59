//! Blobs: the bytes of objects, in one immutable file for each upload.
//!
//! A blob is written to `tmp/`, synced, and moved to `blobs/` just before the database refers to it. Uploads hold a lock
//! from the move until the reference is stored ([`Blobs::publishing`]). A blob in `blobs/` without a reference is therefore
//! garbage.
//!
//! The database has the checksums of the blocks of each blob ([`Checksums`]). [`BlobReader`] verifies them.

mod checksums;
mod reader;

pub(crate) use checksums::Checksums;
pub(crate) use reader::{BlobReader, BlobSource, Verified};

use crate::{Error, Result};
use bytes::Bytes;
use md5::{Digest, Md5};
use rand::RngExt;
use reader::KnownDamage;
use std::collections::HashSet;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;
use tokio::sync::{RwLock, RwLockReadGuard};
use tokio::task::spawn_blocking;

/// Size of the write buffer, in bytes. Each write to the file is a blocking call, which is expensive.
const WRITE_BUFFER: usize = 512 << 10;

/// Number of bytes that [`Blobs::check_writable`] writes.
const CHECKED_BYTES: usize = 64 << 10;

/// Directory of the published blobs.
const DIRECTORY: &str = "blobs";

/// The blobs of a lake.
pub(crate) struct Blobs {
    root: PathBuf,
    publishing: RwLock<()>,
    known_damage: Arc<KnownDamage>,
}

/// Blob that is being written. Dropping it before [`finish`](BlobWriter::finish) deletes its file.
pub(crate) struct BlobWriter {
    file: File,
    buffer: Vec<u8>,
    blob: NewBlob,
    digest: Md5,
    checksums: Checksums,
}

/// Blob whose bytes are durable, and which is not yet published.
pub(crate) struct NewBlob {
    pub(crate) id: String,
    pub(crate) md5: String,
    /// `None` for a copy of a blob without checksums.
    pub(crate) checksums: Option<Arc<Checksums>>,
    temporary: PathBuf,
    published: bool,
}

impl Drop for NewBlob {
    fn drop(&mut self) {
        if !self.published {
            // If this fails, the next start of the server deletes the file.
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

impl Blobs {
    /// Opens or creates the directories under `root`, and deletes the files of unfinished uploads.
    pub(crate) async fn create_under(root: &Path) -> Result<Self> {
        let _ = fs::remove_dir_all(root.join("tmp")).await;
        fs::create_dir_all(root.join("tmp")).await?;
        for shard in shards(root) {
            fs::create_dir_all(shard).await?;
        }
        sync_dir(root.join(DIRECTORY)).await?;
        sync_dir(root.to_owned()).await?;
        Ok(Self::at(root))
    }

    /// Returns the blobs under `root`, for reading. Changes nothing.
    pub(crate) fn at(root: &Path) -> Self {
        Self { root: root.to_owned(), publishing: RwLock::new(()), known_damage: Arc::default() }
    }

    /// Creates a blob for writing.
    pub(crate) async fn create(&self) -> Result<BlobWriter> {
        let id = format!("{:032x}", rand::rng().random::<u128>());
        let temporary = self.root.join("tmp").join(&id);
        let file = File::create_new(&temporary).await?;
        let blob = NewBlob { id, md5: String::new(), checksums: None, temporary, published: false };
        Ok(BlobWriter { file, buffer: Vec::new(), blob, digest: Md5::new(), checksums: Checksums::default() })
    }

    /// Creates a blob with the bytes of another one. It is a hard link, which works like a copy because blobs never change.
    /// The bytes are not read: the link has the checksums of the original, so a read of either finds damage. Returns `None`
    /// if the file of the original does not exist.
    pub(crate) async fn link(&self, source: BlobSource) -> Result<Option<NewBlob>> {
        let original = self.path(&source.id);
        let Some(metadata) = if_exists(fs::metadata(&original).await)? else { return Ok(None) };
        source.check_size(metadata.len())?;
        let id = format!("{:032x}", rand::rng().random::<u128>());
        let temporary = self.root.join("tmp").join(&id);
        let linked = if_exists(fs::hard_link(original, &temporary).await)?;
        let checksums = source.checksums;
        Ok(linked.map(|()| NewBlob { id, md5: String::new(), checksums, temporary, published: false }))
    }

    /// Checks that a file can be written, by writing one and deleting it.
    pub(crate) async fn check_writable(&self) -> Result<()> {
        let mut file = self.create().await?;
        file.write(&Bytes::from_static(&[0; CHECKED_BYTES])).await?;
        file.finish().await.map(drop)
    }

    /// Returns a guard that a caller must hold from before it publishes a blob until the database refers to the blob.
    pub(crate) async fn publishing(&self) -> RwLockReadGuard<'_, ()> {
        self.publishing.read().await
    }

    /// Moves a blob to `blobs/`, durably. The guard prevents garbage collection from listing blobs before the database
    /// refers to this one.
    pub(crate) async fn publish(&self, _publishing: &RwLockReadGuard<'_, ()>, mut blob: NewBlob) -> Result<()> {
        let path = self.path(&blob.id);
        fs::rename(&blob.temporary, &path).await?;
        blob.published = true;
        sync_dir(parent(&path)).await
    }

    /// Opens a range of a blob, and returns its first piece, which is verified. Returns `None` if the file of the blob does not
    /// exist.
    ///
    /// # Errors
    /// `Damaged` if the size of the file or the checksum of the first block is wrong.
    pub(crate) async fn open(&self, source: BlobSource, range: Range<u64>) -> Result<Option<(Bytes, BlobReader)>> {
        let (path, known) = (self.path(&source.id), Arc::clone(&self.known_damage));
        let open = move || BlobReader::open(&path, source, range, known);
        if_exists_in_lake(spawn_blocking(open).await.map_err(io::Error::other)?)
    }

    /// Reads a whole blob, and passes each verified block to `each`. Returns `None` if the file of the blob does not exist.
    /// Without checksums, verifies the MD5 of the blob instead, if it is known. Returns the checksums of the blob if they or
    /// the MD5 match.
    ///
    /// # Errors
    /// `Damaged`, possibly after `each` has got some blocks; an error of `each`.
    pub(crate) async fn read_whole(
        &self,
        source: BlobSource,
        md5: Option<[u8; 16]>,
        each: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static,
    ) -> Result<Option<Verified>> {
        let (path, known) = (self.path(&source.id), Arc::clone(&self.known_damage));
        let read = move || reader::read_whole(&path, source, md5, known, each);
        if_exists_in_lake(spawn_blocking(read).await.map_err(io::Error::other)?)
    }

    /// Lists the published blobs. The database already refers to each of them that it will ever refer to, because
    /// publishing is blocked while the list is made.
    pub(crate) async fn list(&self) -> Result<HashSet<String>> {
        let _no_publishing = self.publishing.write().await;
        let mut ids = HashSet::new();
        for shard in shards(&self.root) {
            let mut files = fs::read_dir(shard).await?;
            while let Some(file) = files.next_entry().await? {
                ids.extend(file.file_name().into_string());
            }
        }
        Ok(ids)
    }

    /// Deletes a blob to which the database does not refer. Succeeds if its file does not exist.
    pub(crate) async fn remove(&self, id: &str) -> Result<()> {
        self.known_damage.remove(id);
        if_exists(fs::remove_file(self.path(id)).await).map(drop)
    }

    /// Returns the path of a published blob.
    pub(crate) fn path(&self, id: &str) -> PathBuf {
        self.root.join(DIRECTORY).join(id.get(..2).unwrap_or_default()).join(id)
    }
}

impl BlobWriter {
    pub(crate) async fn write(&mut self, data: &Bytes) -> Result<()> {
        self.digest.update(data);
        self.checksums.append(data);
        self.buffer.extend_from_slice(data);
        if self.buffer.len() >= WRITE_BUFFER {
            self.file.write_all(&self.buffer).await?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Writes the remaining bytes and makes the blob durable.
    pub(crate) async fn finish(mut self) -> Result<NewBlob> {
        self.file.write_all(&self.buffer).await?;
        self.file.flush().await?;
        self.file.sync_data().await?;
        self.blob.md5 = hex::encode(self.digest.finalize());
        self.blob.checksums = Some(Arc::new(self.checksums));
        Ok(self.blob)
    }
}

/// Returns the directories of the published blobs. The first two digits of the ID of a blob select one.
pub(crate) fn shards(root: &Path) -> impl Iterator<Item = PathBuf> {
    (0..=0xff_u8).map(move |shard| root.join(DIRECTORY).join(format!("{shard:02x}")))
}

/// Returns whether the directory `root` contains the file of any blob.
pub(crate) fn has_any(root: &Path) -> Result<bool> {
    let Some(shards) = if_exists(std::fs::read_dir(root.join(DIRECTORY)))? else { return Ok(false) };
    for shard in shards {
        if std::fs::read_dir(shard?.path())?.next().is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns `None` for an error that means that a file does not exist.
fn if_exists<T>(result: io::Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// As [`if_exists`], for a result of this crate.
fn if_exists_in_lake<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::File(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}

/// Makes the entries of a directory durable.
pub(crate) async fn sync_dir(dir: PathBuf) -> Result<()> {
    Ok(File::open(dir).await?.sync_all().await?)
}
