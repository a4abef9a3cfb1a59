//! `stat`.

use crate::failure::{Result, While as _};
use crate::session::Session;
use crate::uri::LakeUri;
use crate::views::files::stat;

/// Flags.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// lakefs://REPOSITORY/REF/PATH
    #[arg(required = true, value_name = "URI")]
    uris: Vec<LakeUri>,
}

/// Shows objects.
///
/// # Errors
/// When one is not there; those before it are shown.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    for uri in &args.uris {
        let info = session.client.stat(&uri.place(), &uri.path).await.during(|| format!("look at {uri}"))?;
        session.out.put(&stat(&info))?;
    }
    Ok(())
}
