//! What a new lake begins with: a repository with a small real data set, so that the first call answers with something.

use crate::error::{Error, Kind, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use lakeport_lakefs::{Lakefs, NewCommit, NewObject};
use lakeport_types::{BranchName, ObjectPath, RepositoryId};
use std::collections::BTreeMap;

/// Penguins of the Palmer Archipelago, measured by Dr. Kristen Gorman and Palmer Station LTER. CC0.
const PENGUINS: &str = include_str!("quickstart/penguins.csv");
const README: &str = include_str!("quickstart/README.md");

/// Makes the repository `quickstart`.
///
/// # Errors
/// When the lake does not take it.
pub async fn fill(lakefs: &Lakefs) -> Result<()> {
    let repository = parsed::<RepositoryId>("quickstart")?;
    let main = parsed::<BranchName>("main")?;
    lakefs.create_repository(&repository, "local://quickstart", &main, false).await?;
    for (path, content_type, text) in
        [("README.md", "text/markdown", README), ("data/penguins.csv", "text/csv", PENGUINS)]
    {
        let object = NewObject {
            content_type: content_type.into(),
            metadata: BTreeMap::from([("license".into(), "CC0-1.0".into())]),
            size: Some(text.len() as u64),
            create_only: true,
        };
        let body = Full::new(Bytes::from_static(text.as_bytes())).map_err(|never| match never {}).boxed_unsync();
        lakefs.upload(&repository, &main, &parsed::<ObjectPath>(path)?, &object, body).await?;
    }
    let commit = NewCommit { message: "Add the Palmer penguins".into(), ..NewCommit::default() };
    lakefs.commit(&repository, &main, &commit).await?;
    Ok(())
}

fn parsed<T: for<'a> TryFrom<&'a str>>(text: &'static str) -> Result<T> {
    T::try_from(text).map_err(|_| Error::new(Kind::Internal, format!("{text} is no name")))
}
