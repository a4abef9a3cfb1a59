//! Uploads one object and determines whether lakeFS stored it.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::Ops;
use crate::ops::files::content_type::guessed_type;
use crate::ops::files::settle::{Change, in_doubt};
use crate::ops::writing::Writing;
use crate::upload::{Checks, Outcome, Source, Upload};
use futures_util::StreamExt;
use http_body_util::BodyExt;
use lakeport_lakefs::{self as lakefs, NewObject, ObjectStats};
use lakeport_types::{IdempotencyKey, ObjectPath, Ref};
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
    pub write_id: Option<IdempotencyKey>,
    /// Expected size and checksums of the bytes.
    pub checks: Checks,
}

/// Interval at which an upload renews the idle timeout of its transaction.
const RENEWAL: Duration = Duration::from_secs(5);

/// The error for a create-only write to an existing object.
fn exists(path: &ObjectPath) -> Error {
    let message = format!("{:?} already exists: write without if_none_match to replace it", path.as_str());
    Error::new(Kind::ObjectExists, message).about([path.as_str()])
}

/// Returns the metadata as lakeFS stores it, with lower-case keys.
fn with_lowercase_keys(metadata: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    metadata.iter().map(|(key, value)| (key.to_lowercase(), value.clone())).collect()
}

/// An attempt to upload an object.
struct Attempt {
    object: NewObject,
    /// Idempotency key, if it is create-only.
    write_id: Option<String>,
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
        let write_id = header.create_only.then(|| {
            header.write_id.clone().unwrap_or_else(|| IdempotencyKey::random(rand::rng().random())).to_string()
        });
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
        object.metadata.extend(write_id.clone().map(|id| (WRITE_ID.to_owned(), id)));
        let sent =
            caller.lakefs.upload(&writing.repository, &writing.branch, path, &object, upload.boxed_unsync()).await;
        match sent {
            Ok(stats) => check_size(stats, outcome.sent(), path),
            Err(error) => {
                self.resolve_failed_upload(caller, writing, path, Attempt { object, write_id, outcome }, error).await
            }
        }
    }

    /// Determines the outcome of an upload that lakeFS did not confirm.
    async fn resolve_failed_upload(
        &self,
        caller: &Caller,
        writing: &Writing,
        path: &ObjectPath,
        Attempt { object, write_id, outcome }: Attempt,
        error: lakefs::Error,
    ) -> Result<Change> {
        // An error of the source is the cause, even if the connection failed as well.
        if let Some(reason) = outcome.take_rejection() {
            return Err(reason);
        }
        if error.kind() == lakefs::Kind::ObjectExists {
            return self.resolve_create_only(caller, writing, path, write_id.as_deref(), error).await;
        }
        if !error.is_ambiguous() {
            return Err(writing.refused(self, caller, error).await);
        }
        let Some(whole) = outcome.sent() else {
            return Err(self.explain_cut_upload(caller, writing, path, object.create_only, error).await);
        };
        if write_id.is_some() {
            return self.resolve_create_only(caller, writing, path, write_id.as_deref(), error).await;
        }
        let found = self.find_uploaded(caller, writing, path, &object, whole).await;
        // With a response, the request is over. Without one, it may still take effect, even if the same bytes are
        // stored already.
        if error.kind() != lakefs::Kind::Contended {
            self.unsettle(writing, std::slice::from_ref(path)).await?;
        }
        found.map(|stats| Change::Found(Box::new(stats))).ok_or_else(|| in_doubt(path, error))
    }

    /// Returns the error for an upload that lakeFS did not get completely, so it stored nothing. lakeFS may have
    /// rejected the request early and closed the connection before its response could be read, so this looks for the
    /// usual reasons.
    async fn explain_cut_upload(
        &self,
        caller: &Caller,
        writing: &Writing,
        path: &ObjectPath,
        create_only: bool,
        error: lakefs::Error,
    ) -> Error {
        if let Err(refusal) = caller.lakefs.branch(&writing.repository, &writing.branch).await {
            return writing.refused(self, caller, refusal).await;
        }
        let branch = Ref::from(&writing.branch);
        if create_only && caller.lakefs.stat(&writing.repository, &branch, path).await.is_ok() {
            return exists(path);
        }
        let message = "lakeFS closed the connection during the upload, and nothing was stored: send it again";
        Error::new(Kind::LakefsUnavailable, message).caused_by(error)
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
        write_id: Option<&str>,
        refusal: lakefs::Error,
    ) -> Result<Change> {
        let found = caller.lakefs.stat(&writing.repository, &Ref::from(&writing.branch), path).await;
        match found {
            Ok(stats) if write_id.is_some() && stats.metadata.get(WRITE_ID).map(String::as_str) == write_id => {
                Ok(Change::Found(Box::new(stats)))
            }
            // The object does not exist yet, or its state is unknown.
            Err(_) => {
                self.unsettle(writing, std::slice::from_ref(path)).await?;
                Err(in_doubt(path, refusal))
            }
            Ok(_) => {
                // Without a response, the write may still take effect after the other object is deleted.
                if refusal.kind() != lakefs::Kind::ObjectExists {
                    self.unsettle(writing, std::slice::from_ref(path)).await?;
                }
                Err(exists(path))
            }
        }
    }

    /// Looks for the object of an upload whose response was lost. Returns it if its metadata and CRC32C are those of
    /// the sent object.
    async fn find_uploaded(
        &self,
        caller: &Caller,
        writing: &Writing,
        path: &ObjectPath,
        object: &NewObject,
        (size, crc32c): (u64, u32),
    ) -> Option<ObjectStats> {
        let branch = Ref::from(&writing.branch);
        let stats = caller.lakefs.stat(&writing.repository, &branch, path).await.ok()?;
        let is_alike = u64::try_from(stats.size_bytes) == Ok(size)
            && stats.content_type == object.content_type
            && stats.metadata == with_lowercase_keys(&object.metadata);
        if !is_alike {
            return None;
        }
        let mut download = caller.lakefs.download(&writing.repository, &branch, path, None).await.ok()?;
        if download.head.etag != stats.checksum {
            return None;
        }
        let mut found = 0;
        while let Some(frame) = download.body.frame().await {
            found = crc32c::crc32c_append(found, &frame.ok()?.into_data().ok()?);
        }
        (found == crc32c).then_some(stats)
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
