//! `reset`.

use crate::confirm::confirm;
use crate::failure::{Result, While as _};
use crate::session::Session;
use crate::uri::RefUri;
use crate::views::versions::branch;

/// Flags.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// lakefs://REPOSITORY/BRANCH
    branch: RefUri,
    /// Drop nothing and let the branch point to this ref; commits that nothing else names are then out of reach
    #[arg(long, value_name = "REF")]
    to: Option<String>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Drops what is uncommitted, or moves the branch, and prints where the branch points to.
///
/// # Errors
/// When it failed.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let Args { branch: uri, to, yes } = args;
    let question = match &to {
        None => format!("Drop what is uncommitted on {uri}?"),
        Some(to) => format!("Let {uri} point to {to}? What is uncommitted on it stays, on top of that."),
    };
    confirm(question, yes).await?;
    let reset = session.client.reset(&uri.repository, &uri.name, to.as_deref()).await;
    session.out.put(&branch(&reset.during(|| format!("reset {uri}"))?))
}
