//! `FileService.Compose`: concatenates objects into one, through one upload to lakeFS.
//!
//! The call describes all sources first. A missing source therefore fails the call before any byte is copied, and each
//! source is read at the etag of its description. If a source fails, the upload ends without its last byte and stores
//! nothing.

mod sources;

use crate::auth::Caller;
use crate::error::{Counts, Error, Kind, Result};
use crate::ops::context::{Ops, Shared};
use crate::ops::files::delete::delete_all;
use crate::ops::files::file_info::FileInfo;
use crate::ops::files::object_metadata::check_described;
use crate::ops::files::settle::Change;
use crate::ops::files::store_object::{UploadHeader, WriteId};
use crate::ops::files::unchanged;
use crate::ops::place::Place;
use crate::ops::reading::Reading;
use crate::ops::writing::Writing;
use crate::upload::Checks;
use lakeport_lakefs::{self as lakefs, Lakefs, ObjectStats};
use lakeport_types::{IdempotencyKey, ObjectPath, Ref};
use sha2::{Digest, Sha256};
use sources::Sources;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Metadata of a composed object: the `request_id` of its request.
const REQUEST_ID: &str = "lakeport.request-id";
/// Metadata of a composed object: a hash of the caller and the other parameters of its request.
const REQUEST_HASH: &str = "lakeport.request-hash";
/// Metadata of a composed object: a hash of the paths and etags of its sources.
const SOURCES_HASH: &str = "lakeport.sources-hash";

/// Parameters of a compose.
#[derive(Debug, Clone)]
pub struct Compose {
    /// Key of the destination.
    pub path: ObjectPath,
    /// Description and conditions of the destination, with the expected size and CRC32C.
    pub header: UploadHeader,
    /// Sources in order: 1 to 10,000.
    pub sources: Vec<ObjectPath>,
    /// The version that has the sources; `None`: the one that has the destination.
    pub source_place: Option<Place>,
    /// Whether the sources are deleted afterwards.
    pub delete_sources: bool,
    /// Idempotency key. Required with `delete_sources`.
    pub request_id: Option<IdempotencyKey>,
}

/// Number of bytes composed so far, readable while the compose runs.
#[derive(Debug, Clone, Default)]
pub struct ComposedBytes(Arc<AtomicU64>);

impl ComposedBytes {
    /// The current number.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// The two versions of a repository that a compose connects.
struct Ends {
    to: Writing,
    from: Reading,
    /// Set if the sources are deleted.
    deleting_from: Option<Writing>,
}

/// Composes an object and returns it. During the call, `composed` counts the bytes.
///
/// # Errors
/// `InvalidField`, `ObjectNotFound` for a source, `ObjectChanged`, `WriteIncomplete` for another size and
/// `ChecksumMismatch`, `ObjectExists`, `PartialFailure` if sources could not be deleted, `WriteInDoubt`, and those of
/// both places.
pub async fn compose(
    ops: &Shared,
    caller: &Caller,
    place: &Place,
    compose: Compose,
    composed: ComposedBytes,
) -> Result<FileInfo> {
    check_described(&compose.header.metadata, &compose.header.content_type)?;
    let mut ends = ends(ops, caller, place, &compose).await?;
    refuse_invalid_sources(&ends, &compose)?;
    let branch = ends.to.branch.clone();
    ends.to = ops.settled(caller, ends.to, std::slice::from_ref(&compose.path)).await?;
    if ends.to.branch != branch {
        // The sources may be on the same branch.
        ends = self::ends(ops, caller, place, &compose).await?;
    }
    let hash = compose.hash(&caller.principal, place);
    let (stored, evidence) = match ops.composed_before(caller, &ends.to, &compose, &hash).await? {
        Some(stored) if ends.deleting_from.is_none() => (stored, Evidence::default()),
        Some(stored) => {
            let evidence = Evidence::of_earlier(ops, caller, &ends.from, &compose.sources, &stored).await?;
            (stored, evidence)
        }
        None => ops.compose_now(caller, &ends, &compose, hash, composed).await?,
    };
    if let Some(from) = &ends.deleting_from {
        delete_sources(ops, caller, from, &compose.sources, &evidence).await?;
    }
    Ok(stored.into())
}

async fn ends(ops: &Shared, caller: &Caller, place: &Place, compose: &Compose) -> Result<Ends> {
    let to = ops.writing(caller, place).await?;
    let source_place = compose.source_place.as_ref().unwrap_or(place);
    if !compose.delete_sources {
        return Ok(Ends { to, from: ops.reading(caller, source_place).await?, deleting_from: None });
    }
    let writing = ops.writing(caller, source_place).await?;
    // lakeFS accepts a batch of deletions for a branch that does not exist.
    if let Err(error) = caller.lakefs.branch(&writing.repository, &writing.branch).await {
        return Err(writing.refused(ops, caller, error).await);
    }
    let from = Reading {
        repository: writing.repository.clone(),
        reference: Ref::from(&writing.branch),
        commit: None,
        transaction: writing.transaction.clone(),
    };
    Ok(Ends { to, from, deleting_from: Some(writing) })
}

fn refuse_invalid_sources(ends: &Ends, compose: &Compose) -> Result<()> {
    if ends.from.repository != ends.to.repository {
        let message = format!(
            "is in repository {}, but the destination is in {}: compose within one repository",
            ends.from.repository, ends.to.repository
        );
        return Err(Error::field("source_transaction_id", message));
    }
    // `main$` and `main@` are names of branch `main`, too.
    let is_same_branch = ends.from.reference.as_str().trim_end_matches(['$', '@']) == ends.to.branch.as_str();
    if is_same_branch && let Some(at) = compose.sources.iter().position(|source| *source == compose.path) {
        let message = format!("is the destination {:?}: compose to another path", compose.path.as_str());
        return Err(Error::field(format!("source_paths[{at}]"), message));
    }
    let is_only_destination_in_transaction = ends.to.transaction.is_some() && ends.from.transaction.is_none();
    if compose.delete_sources && is_only_destination_in_transaction {
        let message = "needs sources in a transaction, since the destination is in one and may be rolled back: delete them after \
                       the commit";
        return Err(Error::field("delete_sources", message));
    }
    let mut seen = HashSet::new();
    match compose.sources.iter().position(|source| !seen.insert(source)) {
        Some(at) if compose.delete_sources => Err(Error::field(
            format!("source_paths[{at}]"),
            "is a duplicate: with delete_sources, each path may occur once",
        )),
        _ => Ok(()),
    }
}

impl Compose {
    /// Hash of the caller and of all parameters that decide the result. It detects a `request_id` that is reused with other
    /// parameters, and a copy of the destination at another path or on another branch.
    fn hash(&self, principal: &str, place: &Place) -> String {
        let parameters = format!(
            "{:?}",
            (
                (principal, place, &self.path, &self.request_id),
                &self.sources,
                &self.source_place,
                self.delete_sources,
                &self.header.content_type,
                &self.header.metadata,
                self.header.create_only,
                self.header.checks.size,
                self.header.checks.crc32c,
            )
        );
        let digest: [u8; 32] = Sha256::digest(parameters).into();
        hex::encode(&digest[..16])
    }
}

impl Ops {
    /// The destination, if an earlier call with this `request_id` stored it.
    async fn composed_before(
        &self,
        caller: &Caller,
        to: &Writing,
        compose: &Compose,
        hash: &str,
    ) -> Result<Option<ObjectStats>> {
        let Some(request_id) = &compose.request_id else { return Ok(None) };
        let stats = match caller.lakefs.stat(&to.repository, &Ref::from(&to.branch), &compose.path).await {
            Ok(stats) => stats,
            Err(error) if error.kind() == lakefs::Kind::NotFound => return Ok(None),
            Err(error) => return Err(to.refused(self, caller, error).await),
        };
        if stats.metadata.get(REQUEST_ID).map(String::as_str) != Some(request_id.as_str()) {
            return Ok(None);
        }
        if stats.metadata.get(REQUEST_HASH).map(String::as_str) != Some(hash) {
            let message = format!("{request_id} was used with other parameters: choose a new one");
            return Err(Error::field("request_id", message));
        }
        Ok(Some(stats))
    }

    async fn compose_now(
        self: &Arc<Self>,
        caller: &Caller,
        ends: &Ends,
        compose: &Compose,
        hash: String,
        composed: ComposedBytes,
    ) -> Result<(ObjectStats, Evidence)> {
        let sources = Sources::describe(self, caller, &ends.from, &compose.sources).await?;
        let size = sources.size();
        if let Some(expected) = compose.header.checks.size.filter(|expected| *expected != size) {
            let message = format!("the sources have {size} bytes, but size_bytes is {expected}: nothing was stored");
            return Err(Error::new(Kind::WriteIncomplete, message));
        }
        let mut header = compose.header.clone();
        header.checks = Checks { size: Some(size), ..header.checks };
        if let Some(request_id) = &compose.request_id {
            let sources_hash = sources.hash();
            // Not the key itself: a plain write to this path may have the same one.
            let write_id = IdempotencyKey::try_from(format!("{hash}{sources_hash}"));
            header.write_id = write_id.ok().map(WriteId::Unique);
            header.metadata.insert(REQUEST_ID.into(), request_id.to_string());
            header.metadata.insert(REQUEST_HASH.into(), hash);
            header.metadata.insert(SOURCES_HASH.into(), sources_hash);
        }
        let evidence = Evidence { etags: sources.etags(), composed_at: None };
        let source = sources.stream(Arc::clone(self), caller.clone(), composed);
        let change = self.store_object(caller, &ends.to, &compose.path, header, source).await?;
        self.acknowledge_one(caller, &ends.to, &change).await?;
        let stats = change.into_stats();
        let stats = stats.ok_or_else(|| Error::new(Kind::Internal, "a stored object has no description"))?;
        Ok((stats, evidence))
    }
}

/// Tells whether a source still has the content that was composed.
#[derive(Debug, Default)]
struct Evidence {
    /// Etags of the composed sources.
    etags: HashMap<ObjectPath, String>,
    /// Unix time of the destination, if an earlier call composed it and some of its sources are deleted. A source without a known
    /// etag is unchanged if it is older.
    composed_at: Option<i64>,
}

impl Evidence {
    /// Describes the sources again. If all of them exist and have their etags, those are known.
    async fn of_earlier(
        ops: &Ops,
        caller: &Caller,
        from: &Reading,
        paths: &[ObjectPath],
        stored: &ObjectStats,
    ) -> Result<Self> {
        match Sources::describe(ops, caller, from, paths).await {
            Ok(sources) if stored.metadata.get(SOURCES_HASH) == Some(&sources.hash()) => {
                Ok(Self { etags: sources.etags(), composed_at: None })
            }
            Err(error) if error.kind() != Kind::ObjectNotFound => Err(error),
            _ => Ok(Self { etags: HashMap::new(), composed_at: Some(stored.mtime) }),
        }
    }

    fn is_unchanged(&self, source: &ObjectStats) -> bool {
        let etag = ObjectPath::try_from(source.path.clone()).ok().and_then(|path| self.etags.get(&path));
        match (etag, self.composed_at) {
            (Some(etag), _) => *etag == source.checksum,
            (None, Some(composed_at)) => source.mtime < composed_at,
            (None, None) => false,
        }
    }
}

/// Deletes the sources. A source that is already deleted is not an error: a retry continues here. A source that was written
/// again stays.
async fn delete_sources(
    ops: &Shared,
    caller: &Caller,
    from: &Writing,
    sources: &[ObjectPath],
    evidence: &Evidence,
) -> Result<()> {
    let mut counts = Counts::default();
    let mut replaced = Vec::new();
    for batch in sources.chunks(Lakefs::MAX_DELETE) {
        ops.keep_alive(from.transaction.as_deref()).await?;
        let checked = unchanged::check(ops, caller, from, batch, |source| evidence.is_unchanged(source)).await?;
        counts.succeeded += checked.missing as u64;
        counts.failed += checked.changed.len() as u64;
        replaced.extend(checked.changed.into_iter().map(ObjectPath::into_string));
        let batch = checked.unchanged;
        if batch.is_empty() {
            continue;
        }
        let request = delete_all(ops.clone(), caller.clone(), from.clone(), batch.clone());
        let failures = ops.run_recorded(caller, from, batch.clone(), request).await?;
        counts.failed += failures.len() as u64;
        counts.succeeded += (batch.len() - failures.len()) as u64;
        let failed: HashSet<String> = failures.into_iter().map(|failure| failure.path).collect();
        let deleted = batch.into_iter().filter(|source| !failed.contains(source.as_str()));
        let changes: Vec<Change> = deleted.map(Change::Deleted).collect();
        ops.acknowledge(caller, from, &changes).await?.into_iter().collect::<Result<()>>()?;
    }
    let next = match replaced.first() {
        None if counts.failed == 0 => return Ok(()),
        None => "the destination is stored; retry with the same request_id".to_owned(),
        Some(first) => format!(
            "the destination is stored; {} of them, such as {first:?}, may have been written again since, and stay",
            replaced.len()
        ),
    };
    Err(Error::partial(counts, "deleted", &next).about(replaced))
}
