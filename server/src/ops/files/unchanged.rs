//! Checks that objects are unchanged before they are deleted. lakeFS has no conditional deletion.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::Ops;
use crate::ops::writing::Writing;
use futures_util::{StreamExt, TryStreamExt, stream};
use lakeport_lakefs::{self as lakefs, ObjectStats};
use lakeport_types::{ObjectPath, Ref};

/// Objects to delete, and those that must stay.
#[derive(Debug, Default)]
pub(in crate::ops) struct Checked {
    /// Unchanged objects.
    pub(in crate::ops) unchanged: Vec<ObjectPath>,
    /// Objects that another write has replaced.
    pub(in crate::ops) changed: Vec<ObjectPath>,
    /// Number of objects that do not exist any more.
    pub(in crate::ops) missing: usize,
}

/// Checks objects of a branch. A write between this check and the deletion is not detected.
///
/// # Errors
/// Those of the branch.
pub(in crate::ops) async fn check(
    ops: &Ops,
    caller: &Caller,
    from: &Writing,
    paths: &[ObjectPath],
    is_unchanged: impl Fn(&ObjectStats) -> bool,
) -> Result<Checked> {
    let branch = &Ref::from(&from.branch);
    let found: Vec<(ObjectPath, Option<ObjectStats>)> = stream::iter(paths.to_vec())
        .map(async |path: ObjectPath| match caller.lakefs.stat(&from.repository, branch, &path).await {
            Ok(stats) => Ok((path, Some(stats))),
            Err(error) if error.kind() == lakefs::Kind::NotFound => Ok((path, None)),
            Err(error) => Err(from.refused(ops, caller, error).await),
        })
        .buffered(ops.limits.fan_out)
        .try_collect()
        .await?;
    let mut checked = Checked::default();
    for (path, stats) in found {
        match stats {
            Some(stats) if is_unchanged(&stats) => checked.unchanged.push(path),
            Some(_) => checked.changed.push(path),
            None => checked.missing += 1,
        }
    }
    Ok(checked)
}

/// The error for an object that stays because another write has replaced it.
pub(in crate::ops) fn replaced(path: &ObjectPath) -> Error {
    let message = format!("{:?} was written again after it was copied: the new object stays", path.as_str());
    Error::new(Kind::ObjectChanged, message).about([path.as_str()])
}
