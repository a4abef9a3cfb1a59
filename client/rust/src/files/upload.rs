//! Uploads that can be resumed by another process.
//!
//! The parts of the file are ordinary objects of a separate transaction, whose ID is the resume ID. `Compose` concatenates
//! them into the destination. Then the transaction is rolled back.

mod outage;
mod plan;
mod progress;
mod session;
mod source;

use crate::files::write::if_none_match;
use crate::v1::{ComposeRequest, FileInfo};
use crate::{Client, Error, ErrorReason, ListOptions, Place, Result, WriteOptions};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use outage::retry;
use plan::Part;
use progress::{Attempt, Meter};
use session::{Destination, PartsTransaction, StoredSizes, start_again};
use source::SourceFile;
use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio_util::io::InspectReader;

pub use progress::UploadProgress;

/// Interval of the calls that keep the destination transaction open. An idle timeout is at least 10 s.
const KEEP_ALIVE: Duration = Duration::from_secs(4);
/// Maximum time for retries of the rollback, after which the parts transaction expires by itself.
const ROLLBACK_RETRY: Duration = Duration::from_secs(30);

/// Options of a resumable upload.
#[derive(Debug, Clone)]
pub struct UploadOptions {
    /// Resumes this upload, with the same file and destination. Empty: begin a new upload.
    pub resume_id: String,
    /// MIME type. Empty: the server guesses it from the file extension of the path, or else stores `application/octet-stream`.
    pub content_type: String,
    /// User metadata. Keys must be lower case.
    pub metadata: HashMap<String, String>,
    /// Fail with `ObjectExists` if the object exists.
    pub create_only: bool,
    /// Size of a part in bytes. Larger if the file would have more than 10,000 parts. A resumed upload keeps its part size. Default:
    /// 64 MiB.
    pub part_bytes: u64,
    /// Number of parts that are sent in parallel, at least 1. Default: 4.
    pub parallelism: usize,
    /// Maximum total pause between the retries of one call while the server is unavailable. Default: 5 min.
    pub retry_for: Duration,
}

impl Default for UploadOptions {
    fn default() -> Self {
        Self {
            resume_id: String::new(),
            content_type: String::new(),
            metadata: HashMap::new(),
            create_only: false,
            part_bytes: 64 << 20,
            parallelism: 4,
            retry_for: Duration::from_secs(300),
        }
    }
}

/// A resumable upload of a local file. Nothing is visible at the destination until the upload is complete.
///
/// If the process ends before [`Upload::run`] returns, another process can continue with the [`Upload::resume_id`]: until 24 hours
/// after the last part, and at most for 7 days.
#[derive(Debug)]
pub struct Upload {
    client: Client,
    file: SourceFile,
    destination: Destination,
    parts: PartsTransaction,
    options: UploadOptions,
}

/// A part that the server has stored.
struct StoredPart {
    path: String,
    crc32c: u32,
}

impl Client {
    /// Begins or resumes an upload of a local file. Sends no bytes yet: keep the [`Upload::resume_id`], then call [`Upload::run`].
    ///
    /// # Errors
    /// `InvalidArgument` if `file` is not a regular file, or if the upload to resume has another destination; `NotFound` or
    /// `FailedPrecondition` if the upload to resume is unknown, has expired or has ended; `Aborted` if its file has changed;
    /// `Unknown` if the file cannot be read; `ObjectExists`; or an error of [`Client::begin`].
    pub async fn upload_resumable(
        &self,
        file: &Path,
        place: &Place,
        path: &str,
        options: UploadOptions,
    ) -> Result<Upload> {
        let file = SourceFile::open(file).await?;
        let destination = Destination::resolve(self, place, path, options.retry_for).await?;
        let parts = match options.resume_id.as_str() {
            "" => {
                self.check_create_only(&destination, &options).await?;
                PartsTransaction::begin(self, &file, &destination, &options).await?
            }
            _ => PartsTransaction::resume(self, &file, &destination, &options).await?,
        };
        Ok(Upload { client: self.clone(), file, destination, parts, options })
    }

    /// Fails before all bytes are sent in vain. `Compose` checks again.
    async fn check_create_only(&self, to: &Destination, options: &UploadOptions) -> Result<()> {
        if options.create_only && self.stat(&to.place, &to.path).await.is_ok() {
            return Err(Error::object_exists(&to.path));
        }
        Ok(())
    }
}

impl Upload {
    /// Returns the ID with which another call of [`Client::upload_resumable`] can continue: the ID of the transaction that holds
    /// the parts.
    pub fn resume_id(&self) -> &str {
        &self.parts.id
    }

    /// Sends the parts that are not stored yet, and composes the object. Calls `progress` from time to time. While the server is
    /// unavailable, retries each call for [`UploadOptions::retry_for`].
    ///
    /// The destination is unchanged until all parts are stored and composed. After an error for which
    /// [`Error::is_upload_resumable`] is true, the parts remain: call this again, or resume the upload with another process. After
    /// another error, and after success, the parts are deleted.
    ///
    /// # Errors
    /// `Aborted` if the file changed during the upload; `NotFound` or `FailedPrecondition` if the transaction with the parts has
    /// expired or has ended; or an error of [`Client::write`] or [`Client::compose`].
    pub async fn run(&self, progress: impl Fn(UploadProgress) + Send + Sync + 'static) -> Result<FileInfo> {
        let meter = Meter::new(self.file.size(), progress);
        let result = tokio::select! {
            result = self.transfer(&meter) => result,
            never = self.keep_destination_open() => match never {},
        };
        if result.as_ref().err().is_none_or(|error| !error.is_upload_resumable()) {
            self.delete_parts().await;
        }
        result
    }

    async fn transfer(&self, meter: &Arc<Meter>) -> Result<FileInfo> {
        let stored = self.store_parts(meter).await;
        // Before the error of a part: if the file shrinks, a part fails with `WriteIncomplete`, for example.
        self.file.check_unchanged().await?;
        self.compose(stored?, meter).await
    }

    /// Stores the missing parts, and returns all parts in order.
    async fn store_parts(&self, meter: &Arc<Meter>) -> Result<Vec<StoredPart>> {
        let stored =
            retry(self.options.retry_for, || self.list_parts()).await.map_err(|error| self.start_again(error))?;
        let parts = stream::iter(self.parts.plan.parts().map(|part| self.ensure_stored(part, &stored, meter)));
        parts.buffered(self.options.parallelism.max(1)).try_collect().await
    }

    async fn list_parts(&self) -> Result<StoredSizes> {
        let options = ListOptions { prefix: self.parts.prefix().to_owned(), ..ListOptions::default() };
        let listed = self.client.list(&self.parts.place(), options).await?;
        listed.map_ok(|info| (info.path, u64::try_from(info.size_bytes).unwrap_or_default())).try_collect().await
    }

    /// Stores a part unless it is stored.
    async fn ensure_stored(&self, part: Part, stored: &StoredSizes, meter: &Arc<Meter>) -> Result<StoredPart> {
        if let Some(path) = self.parts.find(part, stored) {
            let crc32c = self.file.checksum(part).await?;
            meter.add_sent(part.length);
            return Ok(StoredPart { path: path.to_owned(), crc32c });
        }
        let version = AtomicU32::new(0);
        let stored = retry(self.options.retry_for, || self.store(part, &version, meter)).await;
        stored.map_err(|error| self.start_again(error))
    }

    /// Stores a part. After `WriteInDoubt`, the next call uses another path: the same path is blocked for up to 70 s, if a client
    /// was killed while it wrote the part.
    async fn store(&self, part: Part, version: &AtomicU32, meter: &Arc<Meter>) -> Result<StoredPart> {
        let attempt = Attempt::new(meter);
        let count = Arc::clone(&attempt);
        let reader = InspectReader::new(self.file.read(part).await?, move |bytes| count.add(bytes.len()));
        let options = WriteOptions { size_bytes: Some(part.length), ..WriteOptions::default() };
        let path = self.parts.path(part, version.load(Ordering::Relaxed));
        match self.client.write_with_checksum(&self.parts.place(), &path, reader, options).await {
            Ok((_, crc32c)) => {
                attempt.keep();
                Ok(StoredPart { path, crc32c })
            }
            Err(error) if error.reason() == Some(ErrorReason::WriteInDoubt) => {
                version.fetch_add(1, Ordering::Relaxed);
                Err(error.without_retry_delay())
            }
            Err(error) => Err(error),
        }
    }

    fn start_again(&self, error: Error) -> Error {
        start_again(&self.parts.id, error)
    }

    async fn compose(&self, parts: Vec<StoredPart>, meter: &Arc<Meter>) -> Result<FileInfo> {
        let object_crc32c = self.parts.plan.combine(parts.iter().map(|part| part.crc32c));
        let Destination { place, path, .. } = &self.destination;
        let (repository, r#ref, transaction_id) = place.fields();
        let request = ComposeRequest {
            repository,
            r#ref,
            path: path.clone(),
            transaction_id,
            content_type: self.options.content_type.clone(),
            metadata: self.options.metadata.clone(),
            size_bytes: i64::try_from(self.file.size()).ok(),
            if_none_match: if_none_match(self.options.create_only),
            object_crc32c: Some(object_crc32c),
            source_paths: parts.into_iter().map(|part| part.path).collect(),
            source_ref: String::new(),
            source_transaction_id: self.parts.id.clone(),
            // The rollback deletes the parts. Single deletions could wait for 70 s after the last writes of a killed client.
            // And if this client is killed now, the next run finds all parts and gets the same object by `request_id`.
            delete_sources: false,
            request_id: self.parts.request_id(&self.destination),
        };
        let compose =
            || self.client.compose_with_progress(request.clone(), |composed_bytes| meter.set_composed(composed_bytes));
        retry(self.options.retry_for, compose).await
    }

    /// Keeps the destination open if it is a transaction: no call uses it until the parts are composed. Errors are ignored,
    /// because `Compose` reports a transaction that has ended.
    async fn keep_destination_open(&self) -> Infallible {
        let transaction_id = self.destination.place.transaction_id();
        if transaction_id.is_empty() {
            return std::future::pending().await;
        }
        loop {
            let _ = self.client.keep_alive(transaction_id).await;
            tokio::time::sleep(KEEP_ALIVE).await;
        }
    }

    /// Rolls back the parts transaction. Errors are ignored, because it expires otherwise.
    async fn delete_parts(&self) {
        let _ = retry(ROLLBACK_RETRY, || self.client.rollback(&self.parts.id)).await;
    }
}
