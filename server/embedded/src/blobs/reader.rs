//! Reads ranges of blobs, and verifies each block before it returns bytes of it.

use super::checksums::{BLOCK, Checksums, block_at};
use crate::{Error, Result};
use bytes::Bytes;
use md5::{Digest, Md5};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::spawn_blocking;

/// Reader of a range of a blob. An item is the part of the range in one block.
pub(crate) struct BlobReader {
    file: File,
    source: BlobSource,
    left: Range<u64>,
    known: Arc<KnownDamage>,
}

/// Blob to read.
#[derive(Debug, Clone)]
pub(crate) struct BlobSource {
    pub(crate) id: String,
    /// Size of the object, in bytes.
    pub(crate) size: u64,
    /// Checksums of the blob. `None` for blobs of earlier releases: only their size is verified.
    pub(crate) checksums: Option<Arc<Checksums>>,
}

/// A damaged block of each blob in which a read found one.
///
/// The response to a read has begun when a later block turns out to be damaged, so the lake can only close the connection.
/// The client then continues at the next byte. A new read verifies the known block first, and fails before its response
/// begins.
#[derive(Debug, Default)]
pub(super) struct KnownDamage(Mutex<HashMap<String, u64>>);

impl KnownDamage {
    fn block_of(&self, blob: &str) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(blob).copied()
    }

    fn add(&self, blob: &str, block: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(blob.to_owned(), block);
    }

    pub(super) fn remove(&self, blob: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(blob);
    }
}

impl BlobSource {
    /// Returns an error if the file of the blob does not have the expected size.
    pub(super) fn check_size(&self, length: u64) -> Result<()> {
        let Self { id, size, checksums } = self;
        if let Some(stored) = checksums.as_ref().map(|checksums| checksums.size).filter(|stored| stored != size) {
            return Err(Error::damaged(format!(
                "the object has {size} bytes, but its blob {id} was stored with {stored}"
            )));
        }
        if length != *size {
            return Err(Error::damaged(format!("blob {id} has {length} bytes instead of {size}")));
        }
        Ok(())
    }
}

impl BlobReader {
    /// Opens a range of a blob, and returns its first piece. The piece is empty if the range is. Blocking.
    ///
    /// # Errors
    /// An I/O error with the kind `NotFound` if the file does not exist.
    pub(super) fn open(
        path: &Path,
        source: BlobSource,
        range: Range<u64>,
        known: Arc<KnownDamage>,
    ) -> Result<(Bytes, Self)> {
        let file = File::open(path)?;
        source.check_size(file.metadata()?.len())?;
        let mut reader = Self { file, source, left: range, known };
        reader.verify_known_damage()?;
        let first = reader.read_next()?.unwrap_or_default();
        Ok((first, reader))
    }

    /// Returns the next piece and the reader, or `None` at the end of the range.
    pub(crate) async fn next(mut self) -> Result<Option<(Bytes, Self)>> {
        let read = move || Ok(self.read_next()?.map(|piece| (piece, self)));
        spawn_blocking(read).await.map_err(io::Error::other)?
    }

    fn verify_known_damage(&mut self) -> Result<()> {
        let Some(block) = self.known.block_of(&self.source.id) else { return Ok(()) };
        let bytes = block_at(block, self.source.size);
        if bytes.start < self.left.end && self.left.start < bytes.end {
            self.read_block(block)?;
            self.known.remove(&self.source.id);
        }
        Ok(())
    }

    /// As [`next`](Self::next). Blocking.
    pub(super) fn read_next(&mut self) -> Result<Option<Bytes>> {
        if self.left.is_empty() {
            return Ok(None);
        }
        let block = self.left.start / BLOCK;
        let bytes = block_at(block, self.source.size);
        let data = Bytes::from(self.read_block(block)?);
        let within = |at: u64| usize::try_from(at.saturating_sub(bytes.start)).unwrap_or(usize::MAX).min(data.len());
        let piece = data.slice(within(self.left.start)..within(self.left.end));
        self.left.start = bytes.end;
        Ok(Some(piece))
    }

    fn read_block(&mut self, block: u64) -> Result<Vec<u8>> {
        let read = self.try_read_block(block);
        if matches!(read, Err(Error::Damaged(_))) {
            self.known.add(&self.source.id, block);
        }
        read
    }

    fn try_read_block(&mut self, block: u64) -> Result<Vec<u8>> {
        let bytes = block_at(block, self.source.size);
        let mut data = Vec::with_capacity(usize::try_from(bytes.end - bytes.start).unwrap_or_default());
        self.file.seek(SeekFrom::Start(bytes.start))?;
        let mut part = (&self.file).take(bytes.end - bytes.start);
        let read = part.read_to_end(&mut data).map_err(|error| self.unreadable(&bytes, error))?;
        if read as u64 != bytes.end - bytes.start {
            return Err(Error::damaged(format!("blob {} ends at byte {}", self.source.id, bytes.start + read as u64)));
        }
        match &self.source.checksums {
            Some(checksums) if !checksums.matches(block, &data) => Err(Error::damaged(format!(
                "bytes {} to {} of blob {} do not match their checksum",
                bytes.start, bytes.end, self.source.id
            ))),
            _ => Ok(data),
        }
    }

    fn unreadable(&self, bytes: &Range<u64>, error: io::Error) -> Error {
        /// `EIO`: the disk cannot read a sector.
        const INPUT_OUTPUT: i32 = 5;
        if cfg!(unix) && error.raw_os_error() == Some(INPUT_OUTPUT) {
            let message =
                format!("the disk cannot read bytes {} to {} of blob {}", bytes.start, bytes.end, self.source.id);
            return Error::damaged(message);
        }
        error.into()
    }
}

/// Result of reading a whole blob without finding damage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verified {
    /// The checksums of the blob match.
    Matches,
    /// The blob had no checksums, and its MD5 matches. These are its checksums.
    New(Checksums),
    /// Neither checksums nor the MD5 of the blob are known.
    Unknown,
}

/// See [`Blobs::read_whole`](super::Blobs::read_whole). Blocking.
pub(super) fn read_whole(
    path: &Path,
    source: BlobSource,
    md5: Option<[u8; 16]>,
    known: Arc<KnownDamage>,
    mut each: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<Verified> {
    let (id, range, has_checksums) = (source.id.clone(), 0..source.size, source.checksums.is_some());
    let (mut piece, mut reader) = BlobReader::open(path, source, range, known)?;
    let (mut checksums, mut digest) = (Checksums::default(), Md5::new());
    while !piece.is_empty() {
        if !has_checksums {
            checksums.append(&piece);
            digest.update(&piece);
        }
        each(&piece)?;
        piece = reader.read_next()?.unwrap_or_default();
    }
    match md5 {
        _ if has_checksums => Ok(Verified::Matches),
        None => Ok(Verified::Unknown),
        Some(expected) if expected == <[u8; 16]>::from(digest.finalize()) => Ok(Verified::New(checksums)),
        Some(_) => Err(Error::damaged(format!("blob {id} does not match the MD5 of the object"))),
    }
}
