//! Uploads that can be resumed by another process.
//!
//! The parts of the file are ordinary objects of a separate transaction, whose ID is the resume ID. `Compose` concatenates
//! them into the destination. Then the transaction is rolled back.

mod plan;
mod progress;
mod session;
mod source;

use crate::retry::retry;
use crate::v1::{ComposeRequest, FileInfo};
use crate::{Client, Error, ListOptions, Place, Result, WriteOptions};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use plan::Part;
use progress::{Attempt, Meter};
use session::{Destination, PartsTransaction, start_again};
use source::SourceFile;
use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
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
        let checksums = self.store_parts(meter).await;
        // Before the error of a part: if the file shrinks, a part fails with `WriteIncomplete`, for example.
        self.file.check_unchanged().await?;
        self.compose(self.parts.plan.combine(&checksums?), meter).await
    }

    /// Stores the missing parts, and returns the CRC32C of all parts.
    async fn store_parts(&self, meter: &Arc<Meter>) -> Result<Vec<u32>> {
        let stored = self.stored_parts().await?;
        let checksums = stream::iter(self.parts.plan.parts().map(|part| self.ensure_stored(part, &stored, meter)));
        checksums.buffered(self.options.parallelism.max(1)).try_collect().await
    }

    /// Returns the sizes of the stored parts, by path.
    async fn stored_parts(&self) -> Result<BTreeMap<String, u64>> {
        let list = || async {
            let options = ListOptions { prefix: self.parts.prefix().to_owned(), ..ListOptions::default() };
            let listed = self.client.list(&self.parts.place(), options).await?;
            listed.map_ok(|info| (info.path, u64::try_from(info.size_bytes).unwrap_or_default())).try_collect().await
        };
        retry(self.options.retry_for, list).await.map_err(|error| start_again(&self.parts.id, error))
    }

    /// Returns the CRC32C of a part, after storing the part unless it is stored.
    async fn ensure_stored(&self, part: Part, stored: &BTreeMap<String, u64>, meter: &Arc<Meter>) -> Result<u32> {
        if stored.get(&self.parts.path(part)) == Some(&part.length) {
            let checksum = self.file.checksum(part).await?;
            meter.add_sent(part.length);
            return Ok(checksum);
        }
        let stored = retry(self.options.retry_for, || self.store(part, meter)).await;
        stored.map_err(|error| start_again(&self.parts.id, error))
    }

    async fn store(&self, part: Part, meter: &Arc<Meter>) -> Result<u32> {
        let attempt = Attempt::new(meter);
        let count = Arc::clone(&attempt);
        let reader = InspectReader::new(self.file.read(part).await?, move |bytes| count.add(bytes.len()));
        let options = WriteOptions { size_bytes: Some(part.length), ..WriteOptions::default() };
        let path = self.parts.path(part);
        let (_, checksum) = self.client.write_with_checksum(&self.parts.place(), &path, reader, options).await?;
        attempt.keep();
        Ok(checksum)
    }

    async fn compose(&self, object_crc32c: u32, meter: &Arc<Meter>) -> Result<FileInfo> {
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
            if_none_match: if self.options.create_only { "*".to_owned() } else { String::new() },
            object_crc32c: Some(object_crc32c),
            source_paths: self.parts.plan.parts().map(|part| self.parts.path(part)).collect(),
            source_ref: String::new(),
            source_transaction_id: self.parts.id.clone(),
            // The rollback deletes the parts. Single deletions could wait for 70 s, until the writes of a killed client are settled.
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
