//! Copies an object to another repository. lakeFS has no call for that, so its bytes pass through this server, one
//! piece at a time.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Shared;
use crate::ops::files::read::changed;
use crate::ops::files::read::{Conditions, ReadObject};
use crate::ops::files::settle::Change;
use crate::ops::files::store_object::UploadHeader;
use crate::ops::reading::Reading;
use crate::ops::writing::Writing;
use crate::upload::{Checks, Part, Source};
use bytes::Bytes;
use futures_util::stream;
use lakeport_types::{ByteRange, ObjectPath};

/// Copies one object with its content type and user metadata.
///
/// # Errors
/// Those of a read and of a write; `ObjectChanged` if the source is replaced during the copy.
pub(in crate::ops) async fn copy_across(
    ops: &Shared,
    caller: &Caller,
    (from, source): (&Reading, &ObjectPath),
    (to, destination): (&Writing, &ObjectPath),
) -> Result<Change> {
    // lakeFS does not return user metadata with a download. Equal etags show that description and bytes are of the same
    // object.
    let stats = ops.stat_at(caller, from, source).await?;
    let object = ops.read_at(caller, from, source, ByteRange::ALL, &Conditions::default()).await?;
    if object.info.etag != stats.etag {
        return Err(changed(source));
    }
    let header = UploadHeader {
        content_type: stats.content_type,
        metadata: stats.metadata,
        checks: Checks { size: Some(object.info.size), ..Checks::default() },
        ..UploadHeader::default()
    };
    ops.store_object(caller, to, destination, header, parts(ops.clone(), object)).await
}

/// Returns the pieces of an object, then the part that finishes the upload.
fn parts(ops: Shared, object: ReadObject) -> Source {
    Box::pin(stream::unfold(Some((ops, object)), async |reading| {
        let (ops, mut object) = reading?;
        Some(match object.next(&ops).await {
            Ok(Some((_, data))) => (Ok(Part { data, finish: None }), Some((ops, object))),
            Ok(None) => (Ok(Part { data: Bytes::new(), finish: Some(Checks::default()) }), None),
            Err(error) => (Err(error), None),
        })
    }))
}
