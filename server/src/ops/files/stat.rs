//! `FileService.Stat`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Ops;
use crate::ops::files::file_info::FileInfo;
use crate::ops::place::Place;
use crate::ops::reading::Reading;
use lakeport_lakefs as lakefs;
use lakeport_types::ObjectPath;

/// Describes an object.
///
/// # Errors
/// `ObjectNotFound`, `RefNotFound`, `RepositoryNotFound`, and those of the place.
pub async fn stat(ops: &Ops, caller: &Caller, place: &Place, path: &ObjectPath) -> Result<FileInfo> {
    let reading = ops.reading(caller, place).await?;
    ops.stat_in(caller, &reading, path).await
}

impl Ops {
    /// Describes an object. If its transaction moves to another branch or to its commit during the call, tries again there.
    pub(in crate::ops) async fn stat_in(
        &self,
        caller: &Caller,
        reading: &Reading,
        path: &ObjectPath,
    ) -> Result<FileInfo> {
        match self.stat_at(caller, reading, path).await {
            Err(error) => self.stat_at(caller, &self.read_on(caller, reading, error).await?, path).await,
            found => found,
        }
    }

    /// Describes an object of exactly this version.
    pub(in crate::ops) async fn stat_at(
        &self,
        caller: &Caller,
        reading: &Reading,
        path: &ObjectPath,
    ) -> Result<FileInfo> {
        match caller.lakefs.stat(&reading.repository, &reading.reference, path).await {
            Ok(stats) => Ok(FileInfo::from(stats).at(reading)),
            Err(error) if error.kind() == lakefs::Kind::NotFound => Err(self.missing(caller, reading, path).await),
            Err(error) => Err(caller.explain(self.missing_ref(reading, error).await).await),
        }
    }
}
