//! The bytes of objects: one immutable file for each upload.
//!
//! A file is written under `tmp/`, synced, and moved to `blobs/` in the moment in which it gets its name in the database
//! ([`Blobs::publishing`]), so that whatever lies in `blobs/` and has no name is garbage.

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

/// Bytes gathered before they are handed to the file: a blocking call each is dear.
const WRITE_BUFFER: usize = 512 << 10;

/// The blobs of a lake.
pub(crate) struct Blobs {
    root: PathBuf,
    publishing: RwLock<()>,
}

/// A blob that is being written. Dropped before [`finish`](BlobWriter::finish), it leaves nothing but a file in `tmp/`.
pub(crate) struct BlobWriter {
    file: File,
    buffer: Vec<u8>,
    blob: NewBlob,
    digest: Md5,
}

/// A blob whose bytes are on the disk and which has no name yet.
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
            // Nothing names it. Should this fail, the next start clears the folder.
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

impl Blobs {
    /// Opens the folders under `root`, or makes them, and clears what unfinished uploads left.
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

    /// Begins a blob.
    pub(crate) async fn create(&self) -> Result<BlobWriter> {
        let id = format!("{:032x}", rand::rng().random::<u128>());
        let temporary = self.root.join("tmp").join(&id);
        let file = File::create_new(&temporary).await?;
        let blob = NewBlob { id, size: 0, md5: String::new(), temporary, published: false };
        Ok(BlobWriter { file, buffer: Vec::new(), blob, digest: Md5::new() })
    }

    /// A second name for the bytes of `id`, which is as good as a copy since they never change.
    pub(crate) async fn link(&self, id: &str) -> Result<NewBlob> {
        let link = format!("{:032x}", rand::rng().random::<u128>());
        let temporary = self.root.join("tmp").join(&link);
        fs::hard_link(self.path(id), &temporary).await?;
        Ok(NewBlob { id: link, size: 0, md5: String::new(), temporary, published: false })
    }

    /// To be held from before a blob is published until its name is in the database.
    pub(crate) async fn publishing(&self) -> RwLockReadGuard<'_, ()> {
        self.publishing.read().await
    }

    /// Moves a blob to its place, durably. The guard says that its name will be stored before garbage is looked for.
    pub(crate) async fn publish(&self, _publishing: &RwLockReadGuard<'_, ()>, mut blob: NewBlob) -> Result<()> {
        let path = self.path(&blob.id);
        fs::rename(&blob.temporary, &path).await?;
        blob.published = true;
        sync_dir(parent(&path)).await
    }

    /// Opens a blob for reading; `None` if its bytes are gone.
    pub(crate) async fn read(&self, id: &str) -> Result<Option<File>> {
        match File::open(self.path(id)).await {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Some bytes of a blob, which are there; `None` if they are gone. Few enough to be read in one blocking call.
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

    /// The published blobs. Each of them has its name in the database if it ever gets one: uploads wait meanwhile.
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

    /// Removes a blob that nothing names.
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

    /// Makes the bytes durable.
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

/// Makes the names in a folder durable.
async fn sync_dir(dir: PathBuf) -> Result<()> {
    Ok(File::open(dir).await?.sync_all().await?)
}
