//! The local file of an upload.

use super::plan::Part;
use crate::{Code, Error, Result};
use std::fs::Metadata;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncSeekExt as _};

/// A regular file, as it was when the upload began.
#[derive(Debug, Clone)]
pub(super) struct SourceFile {
    path: PathBuf,
    version: Version,
}

/// Properties that differ after a change of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    size: u64,
    /// Modification time, in nanoseconds since 1970.
    modified_ns: i128,
}

impl Version {
    fn of(metadata: &Metadata) -> io::Result<Self> {
        let modified_ns = match metadata.modified()?.duration_since(UNIX_EPOCH) {
            Ok(after) => after.as_nanos().cast_signed(),
            Err(before) => -before.duration().as_nanos().cast_signed(),
        };
        Ok(Self { size: metadata.len(), modified_ns })
    }
}

impl SourceFile {
    /// Fails with `InvalidArgument` if the path is not a regular file: parts are read from any offset, and again after a failure.
    pub(super) async fn open(path: &Path) -> Result<Self> {
        let metadata = tokio::fs::metadata(path).await.map_err(Error::unreadable)?;
        if !metadata.is_file() {
            return Err(Error::invalid(&format!("{} is not a regular file", path.display())));
        }
        let version = Version::of(&metadata).map_err(Error::unreadable)?;
        Ok(Self { path: path.to_owned(), version })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the size in bytes.
    pub(super) fn size(&self) -> u64 {
        self.version.size
    }

    /// Returns a text that differs after a change of the file: its size and modification time.
    pub(super) fn version(&self) -> String {
        let Version { size, modified_ns } = self.version;
        format!("{size}-{modified_ns}")
    }

    /// Fails with `Aborted` if the file has changed since [`SourceFile::open`].
    pub(super) async fn check_unchanged(&self) -> Result<()> {
        let metadata = tokio::fs::metadata(&self.path).await.map_err(Error::unreadable)?;
        if Version::of(&metadata).map_err(Error::unreadable)? == self.version {
            return Ok(());
        }
        let message = format!("{} changed during the upload, and nothing was stored: start again", self.path.display());
        Err(Error::new(Code::Aborted, message))
    }

    /// Opens a part for reading.
    pub(super) async fn read(&self, part: Part) -> Result<impl AsyncRead + Send + Unpin + use<>> {
        let mut file = tokio::fs::File::open(&self.path).await.map_err(Error::unreadable)?;
        file.seek(SeekFrom::Start(part.offset)).await.map_err(Error::unreadable)?;
        Ok(file.take(part.length))
    }

    /// Reads a part and returns its CRC32C.
    pub(super) async fn checksum(&self, part: Part) -> Result<u32> {
        let path = self.path.clone();
        let reading = tokio::task::spawn_blocking(move || checksum(&path, part));
        reading.await.map_err(io::Error::other).flatten().map_err(Error::unreadable)
    }
}

fn checksum(path: &Path, part: Part) -> io::Result<u32> {
    let mut file = std::fs::File::open(path)?;
    file.seek(SeekFrom::Start(part.offset))?;
    let (mut file, mut buffer, mut sum) = (file.take(part.length), vec![0; 256 << 10], 0);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(sum),
            count => sum = crc32c::crc32c_append(sum, &buffer[..count]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn parts_are_read_and_hashed_at_their_offsets() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        std::fs::write(&path, "0123456789").unwrap();
        let file = SourceFile::open(&path).await.unwrap();
        let part = Part { index: 1, offset: 4, length: 4 };
        let mut text = String::new();
        file.read(part).await.unwrap().read_to_string(&mut text).await.unwrap();
        assert_eq!((text.as_str(), file.size()), ("4567", 10));
        assert_eq!(file.checksum(part).await.unwrap(), crc32c::crc32c(b"4567"));
        assert_eq!(SourceFile::open(directory.path()).await.unwrap_err().code(), Code::InvalidArgument);
    }

    #[tokio::test]
    async fn changes_of_size_or_modification_time_are_detected() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        std::fs::write(&path, "one").unwrap();
        let file = SourceFile::open(&path).await.unwrap();
        file.check_unchanged().await.unwrap();
        let opened = std::fs::File::options().write(true).open(&path).unwrap();
        opened.set_modified(UNIX_EPOCH).unwrap();
        assert_eq!(file.check_unchanged().await.unwrap_err().code(), Code::Aborted);
        let before_1970 = SourceFile::open(&path).await.unwrap();
        assert_eq!(before_1970.version(), "3-0");
    }
}
