//! `lakeport du`.

use crate::failure::Result;
use crate::session::Session;
use crate::sources::subtree;
use crate::uri::LakeUri;
use crate::views::files::usage;
use futures_util::stream::TryStreamExt as _;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// lakefs://REPOSITORY/REF/PREFIX
    #[arg(required = true, value_name = "URI")]
    uris: Vec<LakeUri>,
}

/// Prints the number of objects and the sum of their sizes. lakeFS may store identical objects only once, so the store may use
/// fewer bytes.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    for uri in &args.uris {
        let mut entries = subtree(&session.client, uri).await?;
        let (mut objects, mut bytes) = (0, 0);
        while let Some(entry) = entries.try_next().await? {
            objects += 1;
            bytes += entry.size_bytes;
        }
        session.out.print(&usage(&uri.to_string(), objects, bytes))?;
    }
    Ok(())
}
