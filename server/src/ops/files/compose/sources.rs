//! The sources of a compose, as one stream of bytes.

use super::ComposedBytes;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::ops::batch_memory::CallMemory;
use crate::ops::context::{Ops, Shared};
use crate::ops::files::read::{Conditions, ReadObject, changed};
use crate::ops::reading::Reading;
use crate::upload::{Checks, Part, Source};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use lakeport_types::{ByteRange, ObjectPath};
use sha2::{Digest, Sha256};
use std::collections::{HashMap, VecDeque};

/// Maximum size of a source that is prefetched, in bytes. Many small sources then take less than one round trip each.
const SMALL: u64 = 1 << 20;
/// Number of sources that are prefetched. With [`SMALL`], it bounds the memory of one compose.
const READ_AHEAD: usize = 8;

/// The sources of a compose, each with the etag and the size that lakeFS returned for it.
pub(super) struct Sources {
    reading: Reading,
    described: VecDeque<Described>,
}

struct Described {
    path: ObjectPath,
    etag: String,
    size: u64,
}

/// A source whose turn comes next.
enum Opened {
    /// Prefetched.
    Whole(Bytes),
    /// To be streamed.
    Deferred(Described),
}

impl Sources {
    /// Describes all sources of a version.
    ///
    /// # Errors
    /// `ObjectNotFound` for the first missing source, and those of the version.
    pub(super) async fn describe(ops: &Ops, caller: &Caller, reading: &Reading, paths: &[ObjectPath]) -> Result<Self> {
        let described = stream::iter(paths.to_vec())
            .map(async |path: ObjectPath| {
                let info = ops.stat_in(caller, reading, &path).await?;
                Ok::<_, Error>(Described { path, etag: info.etag, size: info.size })
            })
            .buffered(ops.limits.fan_out)
            .try_collect()
            .await?;
        Ok(Self { reading: reading.clone(), described })
    }

    /// Hash of the paths and etags of all sources.
    pub(super) fn hash(&self) -> String {
        let mut hash = Sha256::new();
        for source in &self.described {
            hash.update([source.path.as_str(), "\0", &source.etag, "\0"].concat());
        }
        let digest: [u8; 32] = hash.finalize().into();
        hex::encode(&digest[..16])
    }

    /// The etags of all sources.
    pub(super) fn etags(&self) -> HashMap<ObjectPath, String> {
        self.described.iter().map(|source| (source.path.clone(), source.etag.clone())).collect()
    }

    /// Number of bytes of all sources.
    pub(super) fn size(&self) -> u64 {
        self.described.iter().map(|source| source.size).sum()
    }

    /// Returns the bytes of all sources in order, then the part that finishes the upload.
    ///
    /// If the etag or size of a source differs from its description, the stream ends with `ObjectChanged`.
    pub(super) fn stream(self, ops: Shared, caller: Caller, composed: ComposedBytes) -> Source {
        let Self { reading, described } = self;
        let memory = ops.batch_memory.of_one_call(&caller.principal);
        let ahead = {
            let (ops, caller, reading) = (ops.clone(), caller.clone(), reading.clone());
            stream::iter(described)
                .map(move |source| {
                    let (ops, caller, reading, memory) = (ops.clone(), caller.clone(), reading.clone(), memory.clone());
                    async move { read_ahead(&ops, &caller, &reading, &memory, source).await }
                })
                .buffered(READ_AHEAD)
        };
        let parts = ahead.flat_map(move |opened| {
            let (ops, caller, reading) = (ops.clone(), caller.clone(), reading.clone());
            pieces(ops, caller, reading, opened)
        });
        let parts = parts.map_ok(move |data| {
            composed.add(data.len());
            Part { data, finish: None }
        });
        let end = stream::iter([Ok(Part { data: Bytes::new(), finish: Some(Checks::default()) })]);
        Box::pin(parts.chain(end))
    }
}

/// Prefetches a small source, if there is memory for it.
async fn read_ahead(
    ops: &Ops,
    caller: &Caller,
    reading: &Reading,
    memory: &CallMemory,
    source: Described,
) -> Result<Opened> {
    if source.size > SMALL {
        return Ok(Opened::Deferred(source));
    }
    let Some(reserved) = memory.try_reserve(source.size) else { return Ok(Opened::Deferred(source)) };
    let mut object = open(ops, caller, reading, &source).await?;
    let mut data = Vec::with_capacity(usize::try_from(source.size).unwrap_or_default());
    while let Some((_, piece)) = object.next(ops).await? {
        data.extend_from_slice(&piece);
    }
    Ok(Opened::Whole(reserved.hold(data)))
}

/// Opens a source. Fails with `ObjectChanged` if its etag or size differs from the description.
async fn open(ops: &Ops, caller: &Caller, reading: &Reading, source: &Described) -> Result<ReadObject> {
    let object = ops.read_at(caller, reading, &source.path, ByteRange::ALL, &Conditions::default()).await?;
    if object.info.etag != source.etag || object.info.size != source.size {
        return Err(changed(&source.path));
    }
    Ok(object)
}

/// The state of a source that is streamed.
enum Streaming {
    NotOpened(Described),
    Opened(Box<ReadObject>),
    Failed(Error),
    Whole(Bytes),
}

/// Streams the bytes of one source as they arrive from lakeFS.
fn pieces(
    ops: Shared,
    caller: Caller,
    reading: Reading,
    opened: Result<Opened>,
) -> impl futures_util::Stream<Item = Result<Bytes>> + Send {
    let first = match opened {
        Ok(Opened::Whole(data)) => Streaming::Whole(data),
        Ok(Opened::Deferred(source)) => Streaming::NotOpened(source),
        Err(error) => Streaming::Failed(error),
    };
    stream::try_unfold(Some((ops, caller, reading, first)), async |state| {
        let Some((ops, caller, reading, source)) = state else { return Ok(None) };
        let mut object = match source {
            Streaming::Whole(data) => return Ok(Some((data, None))),
            Streaming::Failed(error) => return Err(error),
            Streaming::NotOpened(source) => Box::new(open(&ops, &caller, &reading, &source).await?),
            Streaming::Opened(object) => object,
        };
        let piece = object.next(&ops).await?;
        Ok(piece.map(|(_, data)| (data, Some((ops, caller, reading, Streaming::Opened(object))))))
    })
}
