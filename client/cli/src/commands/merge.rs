//! `lakeport merge`.

use crate::failure::{Context as _, Result};
use crate::session::{Session, usage_error};
use crate::uri::RefUri;
use crate::values::{Pair, map};
use crate::views::versions::head;
use lakeport_client::v1::{MergeRequest, MergeStrategy};

/// How to resolve paths that both sides changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Strategy {
    /// Merge nothing
    Fail,
    /// Keep the version of the source; for tx commit, that of the transaction
    SourceWins,
    /// Keep the version of the destination; for tx commit, that of the base branch
    DestinationWins,
}

impl From<Strategy> for MergeStrategy {
    fn from(strategy: Strategy) -> Self {
        match strategy {
            Strategy::Fail => Self::Fail,
            Strategy::SourceWins => Self::SourceWins,
            Strategy::DestinationWins => Self::DestinationWins,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Merge lakefs://REPOSITORY/REF
    source: RefUri,
    /// Merge into lakefs://REPOSITORY/BRANCH
    destination: RefUri,
    /// Commit message; by default it names both refs
    #[arg(short, long, default_value = "", hide_default_value = true)]
    message: String,
    /// User metadata of the commit
    #[arg(long, value_name = "KEY=VALUE")]
    meta: Vec<Pair>,
    /// How to resolve conflicts
    #[arg(long, value_enum, default_value_t = Strategy::Fail)]
    strategy: Strategy,
    /// Create one commit with one parent
    #[arg(long)]
    squash: bool,
}

/// Merges, and prints the ID of the new head of the branch.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let Args { source, destination, message, meta, strategy, squash } = args;
    if source.repository != destination.repository {
        return usage_error("source and destination must be in the same repository");
    }
    let request = MergeRequest {
        repository: source.repository.clone(),
        r#ref: source.name.clone(),
        destination_branch: destination.name.clone(),
        message,
        metadata: map(meta),
        strategy: MergeStrategy::from(strategy).into(),
        squash,
        ..Default::default()
    };
    let commit_id =
        session.client.merge(request).await.with_context(|| format!("merge {source} into {destination}"))?;
    session.out.print(&head(&destination.name, &commit_id))
}
