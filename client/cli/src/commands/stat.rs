//! `lakeport stat`.

use crate::failure::{Context as _, Result};
use crate::session::Session;
use crate::uri::LakeUri;
use crate::views::files::stat;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// lakefs://REPOSITORY/REF/PATH
    #[arg(required = true, value_name = "URI")]
    uris: Vec<LakeUri>,
}

/// Prints the properties of the objects in order. Stops at the first object that does not exist.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    for uri in &args.uris {
        let info = session.client.stat(&uri.place(), &uri.path).await.with_context(|| format!("get {uri}"))?;
        session.out.print(&stat(&info))?;
    }
    Ok(())
}
