//! `du`.

use crate::failure::Result;
use crate::session::Session;
use crate::sources::below;
use crate::uri::LakeUri;
use crate::views::files::usage;
use futures_util::stream::TryStreamExt as _;

/// Flags.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// lakefs://REPOSITORY/REF/PREFIX
    #[arg(required = true, value_name = "URI")]
    uris: Vec<LakeUri>,
}

/// Sums up. Bytes are those of the objects: lakeFS may store the same ones once.
///
/// # Errors
/// When something cannot be listed.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    for uri in &args.uris {
        let mut finds = below(&session.client, uri).await?;
        let (mut objects, mut bytes) = (0, 0);
        while let Some(found) = finds.try_next().await? {
            objects += 1;
            bytes += found.size_bytes;
        }
        session.out.put(&usage(&uri.to_string(), objects, bytes))?;
    }
    Ok(())
}
