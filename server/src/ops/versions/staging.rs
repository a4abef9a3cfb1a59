//! The uncommitted changes of a branch, as evidence of whether an earlier call has discarded them.

use crate::auth::Caller;
use lakeport_lakefs::{self as lakefs, DifferenceKind, Staged};
use lakeport_types::{BranchName, ObjectPath, Ref, RepositoryId};
use serde::{Deserialize, Serialize};

/// Number of changes among which an object is searched.
const PAGE: usize = 100;

/// The uncommitted changes of a branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Staging {
    /// None.
    Clean,
    /// The branch has uncommitted changes. The value is one uncommitted object; `None` if the first page of changes has only deletions.
    Dirty(Option<StagedObject>),
}

/// An uncommitted object. A new write of the same path has another address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StagedObject {
    path: String,
    address: String,
}

impl Staging {
    /// Reads the selected uncommitted changes of a branch.
    pub(super) async fn read(
        caller: &Caller,
        (repository, branch): (&RepositoryId, &BranchName),
        selected: &Staged,
    ) -> lakefs::Result<Self> {
        let prefix = match selected {
            Staged::All => "",
            Staged::Object(path) => path.as_str(),
            Staged::Below(prefix) => prefix.as_str(),
        };
        let mut changes = caller.lakefs.uncommitted(repository, branch, prefix, "", PAGE).await?.results;
        if let Staged::Object(path) = selected {
            changes.retain(|change| change.path == path.as_str());
        }
        if changes.is_empty() {
            return Ok(Self::Clean);
        }
        let present = changes.into_iter().find(|change| change.kind != DifferenceKind::Removed);
        let Some(path) = present.and_then(|change| ObjectPath::try_from(change.path).ok()) else {
            return Ok(Self::Dirty(None));
        };
        match caller.lakefs.stat(repository, &Ref::from(branch), &path).await {
            Ok(stats) => {
                Ok(Self::Dirty(Some(StagedObject { path: path.into_string(), address: stats.physical_address })))
            }
            // It was discarded just now.
            Err(error) if error.kind() == lakefs::Kind::NotFound => Ok(Self::Dirty(None)),
            Err(error) => Err(error),
        }
    }

    /// Returns whether a recorded uncommitted object still is uncommitted. Nothing has discarded it then.
    pub(super) async fn is_kept(&self, caller: &Caller, branch: (&RepositoryId, &BranchName)) -> lakefs::Result<bool> {
        let Self::Dirty(Some(object)) = self else { return Ok(false) };
        let Ok(path) = ObjectPath::try_from(object.path.clone()) else { return Ok(false) };
        Ok(Self::read(caller, branch, &Staged::Object(path)).await? == *self)
    }
}
