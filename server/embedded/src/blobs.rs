//! Blobs: the bytes of objects, in one immutable file for each upload.
//!
//! A blob is written to `tmp/`, synced, and moved to `blobs/` just before the database refers to it. Uploads hold a lock
//! from the move until the reference is stored ([`Blobs::publishing`]). A blob in `blobs/` without a reference is therefore
//! garbage.

use crate::Result;
use bytes::Bytes;
use md5::{Digest, Md5};
use rand::RngExt;
use std::collections::HashSet;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;
use tokio::sync::{RwLock, RwLockReadGuard};
use tokio::task::spawn_blocking;

/// Size of the write buffer, in bytes. Each write to the file is a blocking call, which is expensive.
const WRITE_BUFFER: usize = 512 << 10;

/// The blobs of a lake.
pub(crate) struct Blobs {
    root: PathBuf,
    publishing: RwLock<()>,
}

/// Blob that is being written. Dropping it before [`finish`](BlobWriter::finish) deletes its file.
pub(crate) struct BlobWriter {
    file: File,
    buffer: Vec<u8>,
    blob: NewBlob,
    digest: Md5,
}

/// Blob whose bytes are durable, and which is not yet published.
pub(crate) struct NewBlob {
    pub(crate) id: String,
    pub(crate) size: u64,
    pub(crate) md5: String,
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
    pub(crate) async fn open(root: &Path) -> Result<Self> {
        let _ = fs::remove_dir_all(root.join("tmp")).await;
        fs::create_dir_all(root.join("tmp")).await?;
        for shard in 0..=0xff_u8 {
            fs::create_dir_all(root.join("blobs").join(format!("{shard:02x}"))).await?;
        }
        sync_dir(root.join("blobs")).await?;
        sync_dir(root.to_owned()).await?;
        Ok(Self { root: root.to_owned(), publishing: RwLock::new(()) })
    }

    /// Creates a blob for writing.
    pub(crate) async fn create(&self) -> Result<BlobWriter> {
        let id = format!("{:032x}", rand::rng().random::<u128>());
        let temporary = self.root.join("tmp").join(&id);
        let file = File::create_new(&temporary).await?;
        let blob = NewBlob { id, size: 0, md5: String::new(), temporary, published: false };
        Ok(BlobWriter { file, buffer: Vec::new(), blob, digest: Md5::new() })
    }

    /// Creates a blob with the bytes of `id`. It is a hard link, which works like a copy because blobs never change.
    pub(crate) async fn link(&self, id: &str) -> Result<NewBlob> {
        let link = format!("{:032x}", rand::rng().random::<u128>());
        let temporary = self.root.join("tmp").join(&link);
        fs::hard_link(self.path(id), &temporary).await?;
        Ok(NewBlob { id: link, size: 0, md5: String::new(), temporary, published: false })
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

    /// Opens a blob for reading. Returns `None` if the blob was deleted.
    pub(crate) async fn read(&self, id: &str) -> Result<Option<File>> {
        match File::open(self.path(id)).await {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a part of a blob in one blocking call. The part must be within the blob and small. Returns `None` if the blob was
    /// deleted.
    pub(crate) async fn read_part(&self, id: &str, part: Range<u64>) -> Result<Option<Bytes>> {
        let path = self.path(id);
        let read = move || {
            let mut file = std::fs::File::open(path)?;
            file.seek(SeekFrom::Start(part.start))?;
            let mut bytes = vec![0; usize::try_from(part.end - part.start).map_err(io::Error::other)?];
            file.read_exact(&mut bytes)?;
            Ok::<_, io::Error>(Bytes::from(bytes))
        };
        match spawn_blocking(read).await.map_err(io::Error::other)? {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Lists the published blobs. The database already refers to each of them that it will ever refer to, because
    /// publishing is blocked while the list is made.
    pub(crate) async fn list(&self) -> Result<HashSet<String>> {
        let _no_publishing = self.publishing.write().await;
        let mut ids = HashSet::new();
        for shard in 0..=0xff_u8 {
            let mut files = fs::read_dir(self.root.join("blobs").join(format!("{shard:02x}"))).await?;
            while let Some(file) = files.next_entry().await? {
                ids.extend(file.file_name().into_string());
            }
        }
        Ok(ids)
    }

    /// Deletes a blob to which the database does not refer.
    pub(crate) async fn remove(&self, id: &str) -> Result<()> {
        Ok(fs::remove_file(self.path(id)).await?)
    }

    fn path(&self, id: &str) -> PathBuf {
        self.root.join("blobs").join(id.get(..2).unwrap_or_default()).join(id)
    }
}

impl BlobWriter {
    pub(crate) async fn write(&mut self, data: &Bytes) -> Result<()> {
        self.digest.update(data);
        self.blob.size += data.len() as u64;
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
        Ok(self.blob)
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}

/// Makes the entries of a directory durable.
async fn sync_dir(dir: PathBuf) -> Result<()> {
    Ok(File::open(dir).await?.sync_all().await?)
}
