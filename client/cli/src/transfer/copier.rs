//! Copies single files and objects.

use super::large_file::{self, ResumeCommand};
use super::{Job, LargeFiles, Options};
use crate::failure::{Context as _, Failure, Result};
use crate::local::{Output, create_directory, is_directory_path};
use crate::progress::Progress;
use crate::uri::{LakeUri, Location, Version};
use futures_util::stream::TryStreamExt as _;
use lakeport_client::{Client, Download, Place, ReadOptions, Subtree, UploadOptions, WriteOptions};
use std::io;
use std::path::Path;
use tokio::io::{AsyncRead, AsyncWriteExt as _};
use tokio_util::io::{InspectReader, StreamReader};

/// Copies single files and objects.
pub(crate) struct Copier {
    client: Client,
    progress: Progress,
    create_only: bool,
    content_type: String,
    large_files: LargeFiles,
    resume_id: String,
}

impl Copier {
    /// Creates a copier that advances `progress`.
    pub(crate) fn new(client: Client, progress: Progress, options: &Options) -> Self {
        let Options { create_only, content_type, large_files, resume_id, .. } = options.clone();
        Self { client, progress, create_only, content_type, large_files, resume_id }
    }

    /// Copies one file or object, atomically unless the destination is standard output, a pipe or a device.
    pub(crate) async fn run(&self, job: &Job) -> Result<()> {
        match (&job.from, &job.to) {
            (Location::Lake(from), Location::Lake(to)) => self.copy_between(from, to).await,
            (Location::Lake(from), Location::Local(to)) => self.download(from, to).await,
            (Location::Lake(from), Location::Stdio) => print_object(&self.client, from, ReadOptions::default()).await,
            (Location::Local(from), Location::Lake(to)) => self.upload(from, to, job.is_listed).await,
            (Location::Stdio, Location::Lake(to)) => self.write(tokio::io::stdin(), to, self.options(None)).await,
            (from, to) => super::check_locations(from, to),
        }
    }

    async fn upload(&self, from: &Path, to: &LakeUri, is_listed: bool) -> Result<()> {
        let reading = || format!("read {}", from.display());
        let file = match tokio::fs::File::open(from).await {
            Err(error) if is_listed => return Err(Failure::skip(from, error)),
            opened => opened.with_context(reading)?,
        };
        let metadata = file.metadata().await.with_context(reading)?;
        if !self.resume_id.is_empty() || self.large_files.includes(&metadata) {
            return self.upload_in_parts(from, to).await;
        }
        // The metadata of a pipe reports a length of 0, although it has bytes.
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
        self.progress.add_total(options.size_bytes.unwrap_or_default());
        let progress = self.progress.clone();
        let reader = InspectReader::new(reader, move |bytes| progress.advance(bytes.len()));
        let written = self.client.write(&to.place(), &to.path, reader, options).await;
        written.map(drop).with_context(|| format!("write {to}"))
    }

    async fn upload_in_parts(&self, from: &Path, to: &LakeUri) -> Result<()> {
        let Self { create_only, content_type, resume_id, .. } = self;
        let options = UploadOptions {
            resume_id: resume_id.clone(),
            content_type: content_type.clone(),
            create_only: *create_only,
            ..self.large_files.upload_options()
        };
        let command = ResumeCommand { from, to, content_type, create_only: *create_only };
        large_file::upload(&self.client, &self.progress, &command, options).await
    }

    async fn download(&self, from: &LakeUri, to: &Path) -> Result<()> {
        if is_directory_path(to) {
            return create_directory(to);
        }
        if self.create_only && to.exists() {
            let error = io::Error::new(io::ErrorKind::AlreadyExists, "the file already exists");
            return Err(Failure::Local { what: format!("write {}", to.display()), error });
        }
        let reading = || format!("read {from}");
        let writing = || format!("write {}", to.display());
        let mut download = self.read(from, ReadOptions::default()).await?;
        let (output, mut file) = Output::open(to).await?;
        while let Some(bytes) = download.chunk().await.with_context(reading)? {
            file.write_all(&bytes).await.with_context(writing)?;
            self.progress.advance(bytes.len());
        }
        file.flush().await.with_context(writing)?;
        drop(file);
        output.finish(self.create_only)
    }

    async fn read(&self, from: &LakeUri, options: ReadOptions) -> Result<Download> {
        let options = ReadOptions { checksum: true, ..options };
        let download =
            self.client.read(&from.place(), &from.path, options).await.with_context(|| format!("read {from}"))?;
        self.progress.add_total(download.remaining_bytes());
        Ok(download)
    }

    async fn copy_between(&self, from: &LakeUri, to: &LakeUri) -> Result<()> {
        match copy_source(from, to) {
            // A copy on the server overwrites the destination and keeps the content type.
            Some(source) if !self.create_only && self.content_type.is_empty() => {
                self.copy_on_server(&source, from, to).await
            }
            _ => self.relay(from, to).await,
        }
    }

    async fn copy_on_server(&self, source: &CopySource, from: &LakeUri, to: &LakeUri) -> Result<()> {
        let copying = || format!("copy {from} to {to}");
        let source = match source {
            CopySource::SameVersion => None,
            CopySource::At(place) => Some(place),
        };
        let copied = self.client.copy(source, Subtree::object(&from.path), &to.place(), &to.path).await;
        let mut outcomes = copied.with_context(copying)?;
        while let Some(outcome) = outcomes.try_next().await.with_context(copying)? {
            outcome.error.map_or(Ok(()), Err).with_context(copying)?;
        }
        Ok(())
    }

    /// Copies through this process: for create-only copies, for another content type, and because the server does not copy out of a
    /// transaction.
    async fn relay(&self, from: &LakeUri, to: &LakeUri) -> Result<()> {
        let info = self.client.stat(&from.place(), &from.path).await.with_context(|| format!("read {from}"))?;
        let same = ReadOptions { if_match: info.etag, ..ReadOptions::default() };
        let download = self.read(from, same).await?;
        let size = download.remaining_bytes();
        let content_type = if self.content_type.is_empty() { info.content_type } else { self.content_type.clone() };
        let options = WriteOptions { content_type, metadata: info.metadata, ..self.options(Some(size)) };
        let reader = StreamReader::new(Box::pin(download.into_stream().map_err(io::Error::other)));
        let written = self.client.write(&to.place(), &to.path, reader, options).await;
        written
            .map(|_| self.progress.advance(usize::try_from(size).unwrap_or_default()))
            .with_context(|| format!("write {to}"))
    }
}

/// Prints an object, or a part of it, to standard output. Bytes that were printed before a failure are not taken back.
pub(crate) async fn print_object(client: &Client, from: &LakeUri, options: ReadOptions) -> Result<()> {
    let reading = || format!("read {from}");
    let options = ReadOptions { checksum: true, ..options };
    let mut download = client.read(&from.place(), &from.path, options).await.with_context(reading)?;
    let mut stdout = tokio::io::stdout();
    while let Some(bytes) = download.chunk().await.with_context(reading)? {
        stdout.write_all(&bytes).await.map_err(Failure::output)?;
    }
    stdout.flush().await.map_err(Failure::output)
}

/// Location of the source of a copy on the server.
#[derive(Debug, PartialEq, Eq)]
enum CopySource {
    /// The branch or transaction of the destination.
    SameVersion,
    /// Another ref or repository.
    At(Place),
}

/// Returns the source for a copy on the server. `None` if the server cannot copy, because the source is in another transaction.
fn copy_source(from: &LakeUri, to: &LakeUri) -> Option<CopySource> {
    if from.is_same_version(to) {
        return Some(CopySource::SameVersion);
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
    fn server_copies_everything_except_out_of_a_transaction() {
        let at = |repository: &str, name: &str| Some(CopySource::At(Place::reference(repository, name)));
        for (from, to, expected) in [
            ("lakefs://r/main/a", "lakefs://r/main/b", Some(CopySource::SameVersion)),
            ("lakefs://r/v1/a", "lakefs://r/main/b", at("r", "v1")),
            ("lakefs://r/main/a", "lakefs://r/tx:t/b", at("r", "main")),
            ("lakefs://r/tx:t/a", "lakefs://r/tx:t/b", Some(CopySource::SameVersion)),
            ("lakefs://r/tx:t/a", "lakefs://r/tx:u/b", None),
            ("lakefs://r/tx:t/a", "lakefs://r/main/b", None),
            ("lakefs://r/main/a", "lakefs://s/main/b", at("r", "main")),
        ] {
            let (source, target): (LakeUri, LakeUri) = (from.parse().unwrap(), to.parse().unwrap());
            assert_eq!(copy_source(&source, &target), expected, "{from} {to}");
        }
    }
}
