//! `lakeport presign`.

use crate::failure::{Context as _, Result};
use crate::session::Session;
use crate::uri::LakeUri;
use crate::views::files::presigned;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// lakefs://REPOSITORY/REF/PATH
    uri: LakeUri,
}

/// Prints a URL that reads an object from its store. Fails if the store has no presigned URLs.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let uri = args.uri;
    let url = session.client.presign(&uri.place(), &uri.path).await.with_context(|| format!("presign {uri}"))?;
    session.out.print(&presigned(&uri.path, &url))
}
