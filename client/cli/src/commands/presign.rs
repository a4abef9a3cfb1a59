//! `presign`.

use crate::failure::{Result, While as _};
use crate::session::Session;
use crate::uri::LakeUri;
use crate::views::files::presigned;

/// Flags.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// lakefs://REPOSITORY/REF/PATH
    uri: LakeUri,
}

/// Prints a URL that reads an object from its store.
///
/// # Errors
/// When it is not there, or its store has no such URLs.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let uri = args.uri;
    let url = session.client.presign(&uri.place(), &uri.path).await.during(|| format!("presign {uri}"))?;
    session.out.put(&presigned(&uri.path, &url))
}
