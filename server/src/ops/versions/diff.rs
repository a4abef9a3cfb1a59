//! `VersionService.Diff`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Shared;
use crate::ops::differences::Differences;
use crate::ops::errors::base_of;
use crate::ops::place::Place;
use crate::ops::reading::Reading;
use lakeport_lakefs::DiffKind;
use lakeport_transactions::State;
use lakeport_types::{Prefix, Ref};

/// What to compare.
#[derive(Debug, Clone)]
pub enum DiffTarget {
    /// Two refs as they are.
    TwoDot(Ref),
    /// The changes of a ref since the common ancestor.
    ThreeDot(Ref),
    /// Uncommitted changes.
    Uncommitted,
    /// All changes of a transaction, committed or not.
    Transaction,
}

/// Starts a comparison. In a transaction, the left side is its base commit and the right side its branch.
///
/// # Errors
/// Those of the place; `RefNotABranch` for uncommitted changes of a ref that is not a branch.
pub async fn diff(
    ops: &Shared,
    caller: &Caller,
    place: &Place,
    target: DiffTarget,
    prefix: Prefix,
) -> Result<Differences> {
    let (left, right, kind) = match target {
        DiffTarget::Uncommitted => {
            let writing = ops.writing(caller, place).await?;
            return Ok(Differences::uncommitted(caller, writing, prefix));
        }
        DiffTarget::Transaction => {
            let right = ops.reading(caller, place).await?;
            let base = right.transaction.as_deref().map(base_of).transpose()?.map(Ref::from);
            let left =
                Reading { commit: None, reference: base.unwrap_or_else(|| right.reference.clone()), ..right.clone() };
            // The right side of an open transaction includes its uncommitted changes. A read-only transaction has none.
            let right = match &right.transaction {
                Some(row) if row.state == State::Open && !row.options.read_only => Ref::staged(&row.branch),
                _ => right.reference,
            };
            (left, right, DiffKind::TwoDot)
        }
        DiffTarget::TwoDot(right) => (ops.reading(caller, place).await?, right, DiffKind::TwoDot),
        DiffTarget::ThreeDot(right) => (ops.reading(caller, place).await?, right, DiffKind::ThreeDot),
    };
    Ok(Differences::between(caller, left, right, kind, prefix))
}
