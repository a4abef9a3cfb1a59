//! Stores one object and finds out whether lakeFS has it.

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

/// What is said of an object before its bytes come.
#[derive(Debug, Clone, Default)]
pub struct UploadHeader {
    /// MIME type. If empty, it is guessed from the path.
    pub content_type: String,
    /// User metadata.
    pub metadata: BTreeMap<String, String>,
    /// Only where nothing is.
    pub create_only: bool,
    /// Idempotency key of a create-only write: a retry finds the object of the first attempt by it.
    pub write_id: Option<IdempotencyKey>,
    /// What the bytes have to agree with.
    pub checks: Checks,
}

/// How often the end of a transaction is put off while bytes flow.
const RENEWAL: Duration = Duration::from_secs(5);

/// A create-only write that found another object.
fn exists(path: &ObjectPath) -> Error {
    let message = format!("{:?} is there already: write without if_none_match to replace it", path.as_str());
    Error::new(Kind::ObjectExists, message).about([path.as_str()])
}

/// lakeFS lowers the case of keys.
fn lowered(metadata: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    metadata.iter().map(|(key, value)| (key.to_lowercase(), value.clone())).collect()
}

/// An upload, as it was tried.
struct Try {
    object: NewObject,
    /// Of a create-only one.
    write_id: Option<String>,
    /// What was sent, and what its source did wrong.
    outcome: Outcome,
}

/// lakeFS says that it has an object: as long as what was sent?
fn stored(stats: ObjectStats, whole: Option<(u64, u32)>, path: &ObjectPath) -> Result<Change> {
    if whole.is_some_and(|(size, _)| u64::try_from(stats.size_bytes) != Ok(size)) {
        let message = format!("lakeFS stored {} bytes of {:?}, and was sent others", stats.size_bytes, stats.path);
        return Err(Error::new(Kind::Corrupt, message).about([path.as_str()]));
    }
    Ok(Change::Put(Box::new(stats)))
}

impl Ops {
    /// Uploads an object to a branch and finds out whether it stands. A caller that goes away ends the source, and so the upload,
    /// unless all bytes are out.
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
        self.to_the_end(writing, vec![path.clone()], move || sent.sent().is_some(), put).await
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
            Ok(stats) => stored(stats, outcome.sent(), path),
            Err(error) => self.not_stored(caller, writing, path, Try { object, write_id, outcome }, error).await,
        }
    }

    /// What became of an upload that lakeFS did not say it has.
    async fn not_stored(
        &self,
        caller: &Caller,
        writing: &Writing,
        path: &ObjectPath,
        Try { object, write_id, outcome }: Try,
        error: lakefs::Error,
    ) -> Result<Change> {
        // What the source itself did wrong is the reason, whatever became of the connection.
        if let Some(reason) = outcome.refusal() {
            return Err(reason);
        }
        if error.kind() == lakefs::Kind::ObjectExists {
            return self.is_own(caller, writing, path, write_id.as_deref(), error).await;
        }
        if !error.is_ambiguous() {
            return Err(writing.refused(self, caller, error).await);
        }
        let Some(whole) = outcome.sent() else {
            return Err(self.broken_off(caller, writing, path, object.create_only, error).await);
        };
        if write_id.is_some() {
            return self.is_own(caller, writing, path, write_id.as_deref(), error).await;
        }
        let found = self.look_for(caller, writing, path, &object, whole).await;
        // What was answered is over. What was not may still land, even if the same bytes stand there already.
        if error.kind() != lakefs::Kind::Contended {
            self.unsettle(writing, std::slice::from_ref(path)).await?;
        }
        found.map(|stats| Change::Found(Box::new(stats))).ok_or_else(|| in_doubt(path, error))
    }

    /// An upload of which lakeFS never had the whole: it cannot stand. lakeFS may have refused it early, and closed the connection
    /// before its answer could be read.
    async fn broken_off(
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
        let message = "lakeFS broke off in the middle of the upload: send it again";
        Error::new(Kind::LakefsUnavailable, message).caused_by(error)
    }

    /// A create-only write that was refused, or not answered. lakeFS can refuse one because it found this very write, when a commit
    /// runs beside it; and one that finds another object there can never land.
    async fn is_own(
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
            // It cannot be looked at, or is not there yet.
            Err(_) => {
                self.unsettle(writing, std::slice::from_ref(path)).await?;
                Err(in_doubt(path, refusal))
            }
            Ok(_) => {
                // One that was not answered may still be on its way, and land once the other object is deleted.
                if refusal.kind() != lakefs::Kind::ObjectExists {
                    self.unsettle(writing, std::slice::from_ref(path)).await?;
                }
                Err(exists(path))
            }
        }
    }

    /// An upload that lost its answer: it stands if the object is what was sent, byte for byte.
    async fn look_for(
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
            && stats.metadata == lowered(&object.metadata);
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

    /// Puts off the end of the transaction for as long as a transfer runs.
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
                // The transfer goes on, come what may of the store: giving it up would leave it in doubt.
                Err(_) => {
                    if let Err(error) = self.stay(Some(transaction)).await {
                        tracing::warn!(%error, "the end of a transaction cannot be put off now");
                    }
                }
            }
        }
    }
}

/// The key of user metadata that says which write made an object.
pub(in crate::ops) const WRITE_ID: &str = "lakeport.write-id";
