//! `FileService.SetMetadata`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Shared;
use crate::ops::files::file_info::FileInfo;
use crate::ops::files::object_metadata::check_described;
use crate::ops::files::settle::Change;
use crate::ops::place::Place;
use crate::ops::reading::Reading;
use crate::ops::writing::Writing;
use lakeport_lakefs as lakefs;
use lakeport_types::{ObjectPath, Ref};
use std::collections::BTreeMap;

/// Replaces the user metadata of an object.
///
/// # Errors
/// `ObjectNotFound`, `ReservedName`, `InvalidField`, `WriteInDoubt`, and those of the place.
pub async fn set_metadata(
    ops: &Shared,
    caller: &Caller,
    place: &Place,
    path: &ObjectPath,
    metadata: &BTreeMap<String, String>,
) -> Result<FileInfo> {
    check_described(metadata, "")?;
    let writing = ops.writing(caller, place).await?;
    let writing = ops.settled(caller, writing, std::slice::from_ref(path)).await?;
    let reference = Ref::from(&writing.branch);
    let request = replace(ops.clone(), caller.clone(), writing.clone(), path.clone(), metadata.clone());
    ops.run_recorded(caller, &writing, vec![path.clone()], request).await?;
    // lakeFS's response is empty, even if the repository does not exist. So the object is looked up.
    let stats = match (caller.lakefs.stat(&writing.repository, &reference, path).await, &writing.transaction) {
        (Ok(stats), _) => stats,
        // A concurrent commit may have replaced the branch. The new branch or the commit may have this metadata.
        (Err(_), Some(transaction)) => {
            return Ok(ops.confirm_metadata(caller, transaction, path, metadata).await?.into());
        }
        (Err(error), None) => return Err(writing.refused(ops, caller, error).await),
    };
    ops.acknowledge_one(caller, &writing, &Change::Put(Box::new(stats.clone()))).await?;
    Ok(stats.into())
}

async fn replace(
    ops: Shared,
    caller: Caller,
    writing: Writing,
    path: ObjectPath,
    metadata: BTreeMap<String, String>,
) -> Result<()> {
    match caller.lakefs.set_metadata(&writing.repository, &writing.branch, &path, &metadata).await {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == lakefs::Kind::NotFound => {
            let reference = Ref::from(&writing.branch);
            let reading =
                Reading { repository: writing.repository.clone(), reference, commit: None, transaction: None };
            Err(ops.missing(&caller, &reading, &path).await)
        }
        Err(error) if error.is_ambiguous() => Err(ops.guard_lost_change(&writing, &[path], error).await),
        Err(error) => Err(writing.refused(&ops, &caller, error).await),
    }
}
