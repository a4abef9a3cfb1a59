//! Uploads one object and determines whether lakeFS stored it.

use crate::auth::Caller;
use crate::error::{BoxError, Error, Kind, Result};
use crate::ops::context::Ops;
use crate::ops::files::content_type::guessed_type;
use crate::ops::files::guards::{in_doubt, unclear};
use crate::ops::files::settle::Change;
use crate::ops::writing::Writing;
use crate::upload::{Checks, Outcome, Source, Upload};
use futures_util::StreamExt;
use http_body_util::BodyExt;
use lakeport_lakefs::{self as lakefs, NewObject, ObjectStats};
use lakeport_types::{IdempotencyKey, ObjectPath, Ref};
use lakeport_waiting as waiting;
use rand::RngExt;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Parameters of an upload, known before its bytes.
#[derive(Debug, Clone, Default)]
pub struct UploadHeader {
    /// MIME type. If empty, it is guessed from the path.
    pub content_type: String,
    /// User metadata.
    pub metadata: BTreeMap<String, String>,
    /// Whether the write fails if the object exists.
    pub create_only: bool,
    /// Idempotency key of a create-only write: a retry finds the object of the first attempt by it.
    pub write_id: Option<WriteId>,
    /// Expected size and checksums of the bytes.
    pub checks: Checks,
}

/// Idempotency key of a create-only write. lakeFS stores it in the metadata of the object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteId {
    /// The caller chose it, and may have used it for another object as well.
    Chosen(IdempotencyKey),
    /// No other object has it.
    Unique(IdempotencyKey),
}

impl WriteId {
    fn key(&self) -> &IdempotencyKey {
        let (Self::Chosen(key) | Self::Unique(key)) = self;
        key
    }
}

/// Interval at which an upload renews the idle timeout of its transaction.
const RENEWAL: Duration = Duration::from_secs(5);

/// The error for a create-only write to an existing object.
fn exists(path: &ObjectPath) -> Error {
    let message = format!("{:?} already exists: write without if_none_match to replace it", path.as_str());
    Error::new(Kind::ObjectExists, message).about([path.as_str()])
}

/// The error for a write whose key belongs to an object with other content.
fn reused(path: &ObjectPath) -> Error {
    let message = format!(
        "was used before, and {:?} has other bytes, metadata or content type: choose a new write_id for each write",
        path.as_str()
    );
    Error::field("write_id", message)
}

/// Returns the metadata as lakeFS stores it, with lower-case keys.
fn with_lowercase_keys(metadata: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    metadata.iter().map(|(key, value)| (key.to_lowercase(), value.clone())).collect()
}

/// An attempt to upload an object.
struct Attempt {
    object: NewObject,
    /// Idempotency key, if it is create-only.
    write_id: Option<WriteId>,
    /// Size and checksum of the sent bytes, and the error of their source.
    outcome: Outcome,
}

/// Checks that lakeFS stored as many bytes as were sent.
fn check_size(stats: ObjectStats, whole: Option<(u64, u32)>, path: &ObjectPath) -> Result<Change> {
    if let Some((size, _)) = whole
        && u64::try_from(stats.size_bytes) != Ok(size)
    {
        let message = format!(
            "lakeFS stored {} bytes of {:?}, but was sent {size} bytes: write the object again",
            stats.size_bytes, stats.path
        );
        return Err(Error::new(Kind::Corrupt, message).about([path.as_str()]));
    }
    Ok(Change::Put(Box::new(stats)))
}

/// Returns whether an object has the content type, the metadata and the bytes of an upload. If all but the bytes are
/// equal, downloads the object to compare its CRC32C: lakeFS's checksum is not always a hash of the bytes.
async fn has_content(
    caller: &Caller,
    writing: &Writing,
    stats: &ObjectStats,
    path: &ObjectPath,
    object: &NewObject,
    (size, crc32c): (u64, u32),
) -> Result<bool, BoxError> {
    let is_alike = u64::try_from(stats.size_bytes) == Ok(size)
        && stats.content_type == object.content_type
        && stats.metadata == with_lowercase_keys(&object.metadata);
    if !is_alike {
        return Ok(false);
    }
    let branch = Ref::from(&writing.branch);
    let mut download = caller.lakefs.download(&writing.repository, &branch, path, None).await?;
    if download.head.etag != stats.checksum {
        return Ok(false);
    }
    let mut found = 0;
    while let Some(frame) = download.body.frame().await {
        if let Ok(data) = frame?.into_data() {
            found = crc32c::crc32c_append(found, &data);
        }
    }
    Ok(found == crc32c)
}

/// Returns the existing object if it is the one of a create-only write.
///
/// # Errors
/// `ObjectExists`; `InvalidField` if its `write_id` is that of the write, but not its content; `WriteInDoubt`.
async fn compare_existing(
    caller: &Caller,
    writing: &Writing,
    path: &ObjectPath,
    Attempt { object, write_id, outcome }: Attempt,
    stats: ObjectStats,
) -> Result<Change> {
    let has_key = |id: &WriteId| stats.metadata.get(WRITE_ID).is_some_and(|key| key == id.key().as_str());
    match write_id.filter(has_key) {
        None => Err(exists(path)),
        Some(WriteId::Unique(_)) => Ok(Change::Put(Box::new(stats))),
        Some(WriteId::Chosen(_)) => {
            let whole = outcome.drain().await?;
            match has_content(caller, writing, &stats, path, &object, whole).await {
                Ok(true) => Ok(Change::Put(Box::new(stats))),
                Ok(false) => Err(reused(path)),
                Err(error) => Err(match error.downcast::<lakefs::Error>() {
                    // A retry would read the same bytes.
                    Ok(lost) if matches!(lost.kind(), lakefs::Kind::BytesGone | lakefs::Kind::Damaged) => {
                        (*lost).into()
                    }
                    Ok(other) => in_doubt(path, other),
                    Err(other) => in_doubt(path, other),
                }),
            }
        }
    }
}

impl Ops {
    /// Uploads an object to a branch and determines whether it was stored. If the caller disconnects before all bytes
    /// are sent, the source and the upload end.
    pub(in crate::ops) async fn store_object(
        self: &Arc<Self>,
        caller: &Caller,
        writing: &Writing,
        path: &ObjectPath,
        header: UploadHeader,
        source: Source,
    ) -> Result<Change> {
        let gone = CancellationToken::new();
        let _waiting = gone.clone().drop_guard();
        let source = Box::pin(source.take_until(gone.cancelled_owned()));
        let (upload, outcome) = Upload::new(source, header.checks.clone());
        if writing.transaction.is_some() {
            let (ops, caller, writing, path) = (Arc::clone(self), caller.clone(), writing.clone(), path.clone());
            let record = async move { ops.record_in_flight(&caller, &writing, std::slice::from_ref(&path)).await };
            // The connection to lakeFS runs it.
            outcome.record_before_end(Box::pin(waiting::inherit(record)));
        }
        let (ops, caller, sent) = (Arc::clone(self), caller.clone(), outcome.clone());
        let (task_writing, task_path) = (writing.clone(), path.clone());
        let put = async move {
            let put = ops.put(&caller, &task_writing, &task_path, header, (upload, outcome));
            ops.while_renewing(&task_writing, put).await
        };
        self.run_to_completion(writing, vec![path.clone()], move || sent.sent().is_some(), put).await
    }

    async fn put(
        &self,
        caller: &Caller,
        writing: &Writing,
        path: &ObjectPath,
        header: UploadHeader,
        (upload, outcome): (Upload, Outcome),
    ) -> Result<Change> {
        let random = || WriteId::Unique(IdempotencyKey::random(rand::rng().random()));
        let write_id = header.create_only.then(|| header.write_id.unwrap_or_else(random));
        let content_type = match header.content_type {
            empty if empty.is_empty() => guessed_type(path.as_str()).to_owned(),
            given => given,
        };
        let mut object = NewObject {
            content_type,
            metadata: header.metadata,
            size: header.checks.size,
            create_only: header.create_only,
        };
        object.metadata.extend(write_id.as_ref().map(|id| (WRITE_ID.to_owned(), id.key().to_string())));
        let sent =
            caller.lakefs.upload(&writing.repository, &writing.branch, path, &object, upload.boxed_unsync()).await;
        match sent {
            Ok(stats) => check_size(stats, outcome.sent(), path),
            Err(error) => {
                let attempt = Attempt { object, write_id, outcome };
                // Boxed: it is rare, and its future is larger than the rest of an upload.
                Box::pin(self.resolve_failed_upload(caller, writing, path, attempt, error)).await
            }
        }
    }

    /// Determines the outcome of an upload that lakeFS did not confirm.
    async fn resolve_failed_upload(
        &self,
        caller: &Caller,
        writing: &Writing,
        path: &ObjectPath,
        attempt: Attempt,
        error: lakefs::Error,
    ) -> Result<Change> {
        // An error of the source is the cause, even if the connection failed as well.
        if let Some(reason) = attempt.outcome.take_rejection() {
            return Err(reason);
        }
        if error.kind() == lakefs::Kind::ObjectExists {
            return self.resolve_create_only(caller, writing, path, attempt, error).await;
        }
        if !error.is_ambiguous() {
            return Err(writing.refused(self, caller, error).await);
        }
        let Some(whole) = attempt.outcome.sent() else {
            return self.resolve_cut_upload(caller, writing, path, attempt, error).await;
        };
        if attempt.write_id.is_some() {
            return self.resolve_create_only(caller, writing, path, attempt, error).await;
        }
        let branch = Ref::from(&writing.branch);
        let found = match caller.lakefs.stat(&writing.repository, &branch, path).await {
            Ok(stats) => {
                let is_stored = has_content(caller, writing, &stats, path, &attempt.object, whole).await;
                is_stored.map(|is_stored| is_stored.then_some(stats))
            }
            Err(missing) if missing.kind() == lakefs::Kind::NotFound => Ok(None),
            Err(unknown) => Err(unknown.into()),
        };
        if !error.is_lost() {
            // The request has ended, so the path needs no guard.
            return match found {
                Ok(Some(stats)) => Ok(Change::Put(Box::new(stats))),
                Ok(None) => Err(error.into()),
                Err(_) => Err(unclear(path, error)),
            };
        }
        // The request may still take effect, even if the same bytes are stored already.
        self.unsettle(writing, std::slice::from_ref(path)).await?;
        match found {
            Ok(Some(stats)) => Ok(Change::Found(Box::new(stats))),
            Ok(None) | Err(_) => Err(in_doubt(path, error)),
        }
    }

    /// Determines the outcome of an upload that lakeFS did not get completely, so it stored nothing now. lakeFS may have
    /// rejected the request early and closed the connection before its response could be read, so this looks for the
    /// usual reasons.
    async fn resolve_cut_upload(
        &self,
        caller: &Caller,
        writing: &Writing,
        path: &ObjectPath,
        attempt: Attempt,
        error: lakefs::Error,
    ) -> Result<Change> {
        if let Err(refusal) = caller.lakefs.branch(&writing.repository, &writing.branch).await {
            return Err(writing.refused(self, caller, refusal).await);
        }
        let branch = Ref::from(&writing.branch);
        if attempt.object.create_only
            && let Ok(stats) = caller.lakefs.stat(&writing.repository, &branch, path).await
        {
            return compare_existing(caller, writing, path, attempt, stats).await;
        }
        let message = "lakeFS closed the connection during the upload, and nothing was stored: send it again";
        Err(Error::new(Kind::LakefsUnavailable, message).caused_by(error))
    }

    /// Determines the outcome of a create-only write that was rejected or whose response was lost.
    ///
    /// During a concurrent commit, lakeFS can reject a write because it finds the object of this same write. The
    /// idempotency key in the metadata shows whose object exists. While another object exists, the write cannot take
    /// effect.
    async fn resolve_create_only(
        &self,
        caller: &Caller,
        writing: &Writing,
        path: &ObjectPath,
        attempt: Attempt,
        refusal: lakefs::Error,
    ) -> Result<Change> {
        let found = caller.lakefs.stat(&writing.repository, &Ref::from(&writing.branch), path).await;
        let Ok(stats) = found else {
            if !refusal.is_lost() && refusal.kind() != lakefs::Kind::ObjectExists {
                return Err(unclear(path, refusal));
            }
            // The object does not exist yet, or its state is unknown.
            self.unsettle(writing, std::slice::from_ref(path)).await?;
            return Err(in_doubt(path, refusal));
        };
        let is_of_this_call = matches!(attempt.write_id, Some(WriteId::Unique(_)));
        let compared = compare_existing(caller, writing, path, attempt, stats).await;
        if !refusal.is_lost() || (is_of_this_call && compared.is_ok()) {
            return compared;
        }
        // Without a response, this write may still take effect after the existing object is deleted.
        self.unsettle(writing, std::slice::from_ref(path)).await?;
        compared.map(Change::guarded)
    }

    /// Awaits a transfer, and regularly renews the idle timeout of its transaction.
    pub(in crate::ops) async fn while_renewing<T>(
        &self,
        writing: &Writing,
        transfer: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let Some(transaction) = &writing.transaction else { return transfer.await };
        let mut transfer = std::pin::pin!(transfer);
        loop {
            match tokio::time::timeout(RENEWAL, transfer.as_mut()).await {
                Ok(ended) => return ended,
                // The transfer continues even if the store fails, since an abandoned transfer would be in doubt.
                Err(_) => {
                    if let Err(error) = self.keep_alive(Some(transaction)).await {
                        tracing::warn!(%error, "cannot renew the idle timeout of a transaction during a transfer");
                    }
                }
            }
        }
    }
}

/// Metadata key of a create-only object: the idempotency key of its write.
pub(in crate::ops) const WRITE_ID: &str = "lakeport.write-id";
