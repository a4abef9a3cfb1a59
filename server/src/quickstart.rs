//! Sample repository of a new embedded lake, with a small real data set.

use crate::error::{BoxError, Error, Kind, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use lakeport_lakefs::{self as lakefs, Lakefs, NewCommit, NewObject};
use lakeport_types::{BranchName, ObjectPath, RepositoryId};
use std::collections::BTreeMap;
use std::path::Path;

/// Measurements of penguins of the Palmer Archipelago, by Dr. Kristen Gorman and Palmer Station LTER. CC0.
const PENGUINS: &str = include_str!("quickstart/penguins.csv");
const README: &str = include_str!("quickstart/README.md");

/// Creates the repository `quickstart` in a new lake. If an earlier start was interrupted, completes the repository.
///
/// # Errors
/// Returns an error if the lake rejects a request, or if the marker file in `data_dir` cannot be written or deleted.
pub async fn ensure(data_dir: &Path, is_new: bool, lakefs: &Lakefs) -> Result<(), BoxError> {
    let unfinished = data_dir.join("quickstart-unfinished");
    if is_new {
        std::fs::write(&unfinished, "")?;
    }
    if unfinished.exists() {
        fill(lakefs).await?;
        std::fs::remove_file(unfinished)?;
    }
    Ok(())
}

async fn fill(lake: &Lakefs) -> Result<()> {
    let repository = parsed::<RepositoryId>("quickstart")?;
    let main = parsed::<BranchName>("main")?;
    match lake.create_repository(&repository, "local://quickstart", &main, false).await {
        Err(error) if error.kind() != lakefs::Kind::AlreadyExists => return Err(error.into()),
        _ => {}
    }
    for (path, content_type, text) in
        [("README.md", "text/markdown", README), ("data/penguins.csv", "text/csv", PENGUINS)]
    {
        let object = NewObject {
            content_type: content_type.into(),
            metadata: BTreeMap::from([("license".into(), "CC0-1.0".into())]),
            size: Some(text.len() as u64),
            create_only: false,
        };
        let body = Full::new(Bytes::from_static(text.as_bytes())).map_err(|never| match never {}).boxed_unsync();
        lake.upload(&repository, &main, &parsed::<ObjectPath>(path)?, &object, body).await?;
    }
    let commit = NewCommit { message: "Add the Palmer penguins".into(), ..NewCommit::default() };
    match lake.commit(&repository, &main, &commit).await {
        Err(error) if error.kind() != lakefs::Kind::NoChanges => Err(error.into()),
        _ => Ok(()),
    }
}

fn parsed<T: for<'a> TryFrom<&'a str>>(text: &'static str) -> Result<T> {
    T::try_from(text).map_err(|_| Error::new(Kind::Internal, format!("{text} is not a valid name")))
}
