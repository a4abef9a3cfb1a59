//! One copy.

use super::{Job, Options};
use crate::failure::{Failure, Result, While as _};
use crate::local::NewFile;
use crate::progress::Progress;
use crate::uri::{LakeUri, Location, Version};
use futures_util::stream::TryStreamExt as _;
use lakeport_client::{Client, Download, Place, ReadOptions, Subtree, WriteOptions};
use std::io;
use std::path::Path;
use tokio::io::{AsyncRead, AsyncWriteExt as _};
use tokio_util::io::{InspectReader, StreamReader};

/// Does copies, each on its own.
pub(crate) struct Mover {
    client: Client,
    progress: Progress,
    create_only: bool,
    content_type: String,
}

impl Mover {
    /// One that moves `progress`.
    pub(crate) fn new(client: Client, progress: Progress, options: &Options) -> Self {
        let Options { create_only, content_type, .. } = options.clone();
        Self { client, progress, create_only, content_type }
    }

    /// Copies, whole or not at all.
    ///
    /// # Errors
    /// When it could not be copied.
    pub(crate) async fn run(&self, job: &Job) -> Result<()> {
        match (&job.from, &job.to) {
            (Location::Lake(from), Location::Lake(to)) => self.between(from, to).await,
            (Location::Lake(from), Location::Local(to)) => self.download(from, to).await,
            (Location::Lake(from), Location::Stdio) => print(&self.client, from, ReadOptions::default()).await,
            (Location::Local(from), Location::Lake(to)) => self.upload(from, to).await,
            (Location::Stdio, Location::Lake(to)) => self.write(tokio::io::stdin(), to, self.options(None)).await,
            (from, to) => super::check_ends(from, to),
        }
    }

    async fn upload(&self, from: &Path, to: &LakeUri) -> Result<()> {
        let reading = || format!("read {}", from.display());
        let file = tokio::fs::File::open(from).await.during(reading)?;
        let metadata = file.metadata().await.during(reading)?;
        // A pipe has a length of 0 and more bytes.
        let size = metadata.is_file().then_some(metadata.len());
        self.write(file, to, self.options(size)).await
    }

    fn options(&self, size_bytes: Option<u64>) -> WriteOptions {
        let Self { create_only, content_type, .. } = self;
        let (create_only, content_type) = (*create_only, content_type.clone());
        WriteOptions { size_bytes, create_only, content_type, ..WriteOptions::default() }
    }

    async fn write(
        &self,
        reader: impl AsyncRead + Send + Unpin + 'static,
        to: &LakeUri,
        options: WriteOptions,
    ) -> Result<()> {
        self.progress.expect(options.size_bytes.unwrap_or_default());
        let progress = self.progress.clone();
        let reader = InspectReader::new(reader, move |bytes| progress.moved(bytes.len()));
        let written = self.client.write(&to.place(), &to.path, reader, options).await;
        written.map(drop).during(|| format!("write {to}"))
    }

    async fn download(&self, from: &LakeUri, to: &Path) -> Result<()> {
        if self.create_only && to.exists() {
            let error = io::Error::new(io::ErrorKind::AlreadyExists, "it is there already");
            return Err(Failure::Local { what: format!("write {}", to.display()), error });
        }
        let reading = || format!("read {from}");
        let writing = || format!("write {}", to.display());
        let mut download = self.read(from, ReadOptions::default()).await?;
        let (new, mut file) = NewFile::begin(to)?;
        while let Some(bytes) = download.chunk().await.during(reading)? {
            file.write_all(&bytes).await.during(writing)?;
            self.progress.moved(bytes.len());
        }
        file.flush().await.during(writing)?;
        drop(file);
        new.finish(self.create_only)
    }

    async fn read(&self, from: &LakeUri, options: ReadOptions) -> Result<Download> {
        let options = ReadOptions { checksum: true, ..options };
        let download = self.client.read(&from.place(), &from.path, options).await.during(|| format!("read {from}"))?;
        self.progress.expect(download.remaining_bytes());
        Ok(download)
    }

    async fn between(&self, from: &LakeUri, to: &LakeUri) -> Result<()> {
        match copy_source(from, to) {
            // The server's copy replaces what is there.
            Some(source) if !self.create_only => self.copy(&source, from, to).await,
            _ => self.relay(from, to).await,
        }
    }

    async fn copy(&self, source: &CopySource, from: &LakeUri, to: &LakeUri) -> Result<()> {
        let copying = || format!("copy {from} to {to}");
        let source = match source {
            CopySource::Beside => None,
            CopySource::At(place) => Some(place),
        };
        let copied = self.client.copy(source, Subtree::object(&from.path), &to.place(), &to.path).await;
        let mut outcomes = copied.during(copying)?;
        while let Some(outcome) = outcomes.try_next().await.during(copying)? {
            outcome.error.map_or(Ok(()), Err).during(copying)?;
        }
        Ok(())
    }

    /// Through this process: the server does not copy out of a transaction.
    async fn relay(&self, from: &LakeUri, to: &LakeUri) -> Result<()> {
        let info = self.client.stat(&from.place(), &from.path).await.during(|| format!("read {from}"))?;
        let same = ReadOptions { if_match: info.etag, ..ReadOptions::default() };
        let download = self.read(from, same).await?;
        let size = download.remaining_bytes();
        let content_type = if self.content_type.is_empty() { info.content_type } else { self.content_type.clone() };
        let options = WriteOptions { content_type, metadata: info.metadata, ..self.options(Some(size)) };
        let reader = StreamReader::new(Box::pin(download.into_stream().map_err(io::Error::other)));
        let written = self.client.write(&to.place(), &to.path, reader, options).await;
        written.map(|_| self.progress.moved(usize::try_from(size).unwrap_or_default())).during(|| format!("write {to}"))
    }
}

/// Prints an object, or a part of it, to standard output.
///
/// # Errors
/// When it cannot be read or written; what was printed until then stands.
pub(crate) async fn print(client: &Client, from: &LakeUri, options: ReadOptions) -> Result<()> {
    let reading = || format!("read {from}");
    let options = ReadOptions { checksum: true, ..options };
    let mut download = client.read(&from.place(), &from.path, options).await.during(reading)?;
    let mut stdout = tokio::io::stdout();
    while let Some(bytes) = download.chunk().await.during(reading)? {
        stdout.write_all(&bytes).await.map_err(Failure::output)?;
    }
    stdout.flush().await.map_err(Failure::output)
}

/// Where the source of a copy on the server is.
#[derive(Debug, PartialEq, Eq)]
enum CopySource {
    /// In the branch or transaction of the destination.
    Beside,
    /// Elsewhere.
    At(Place),
}

/// `None` where the server cannot copy: out of a transaction.
fn copy_source(from: &LakeUri, to: &LakeUri) -> Option<CopySource> {
    if from.is_beside(to) {
        return Some(CopySource::Beside);
    }
    match &from.version {
        Version::Ref(_) => Some(CopySource::At(from.place())),
        Version::Transaction(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_copies_and_not_out_of_a_transaction() {
        let at = |repository: &str, name: &str| Some(CopySource::At(Place::reference(repository, name)));
        for (from, to, expected) in [
            ("lakefs://r/main/a", "lakefs://r/main/b", Some(CopySource::Beside)),
            ("lakefs://r/v1/a", "lakefs://r/main/b", at("r", "v1")),
            ("lakefs://r/main/a", "lakefs://r/tx:t/b", at("r", "main")),
            ("lakefs://r/tx:t/a", "lakefs://r/tx:t/b", Some(CopySource::Beside)),
            ("lakefs://r/tx:t/a", "lakefs://r/tx:u/b", None),
            ("lakefs://r/tx:t/a", "lakefs://r/main/b", None),
            ("lakefs://r/main/a", "lakefs://s/main/b", at("r", "main")),
        ] {
            let (source, target): (LakeUri, LakeUri) = (from.parse().unwrap(), to.parse().unwrap());
            assert_eq!(copy_source(&source, &target), expected, "{from} {to}");
        }
    }
}
