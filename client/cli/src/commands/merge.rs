//! `merge`.

use crate::failure::{Result, While as _};
use crate::session::{Session, usage};
use crate::uri::RefUri;
use crate::values::{Pair, map};
use crate::views::versions::head;
use lakeport_client::v1::{MergeRequest, MergeStrategy};

/// What becomes of paths that both sides changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Strategy {
    /// Nothing is merged
    Fail,
    /// The source's stand; of a transaction, its own
    SourceWins,
    /// The destination's stand; of a transaction, those of its base branch
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

/// Flags.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// lakefs://REPOSITORY/REF: what to merge
    source: RefUri,
    /// lakefs://REPOSITORY/BRANCH: where to
    destination: RefUri,
    /// What was done; by default it names both
    #[arg(short, long, default_value = "", hide_default_value = true)]
    message: String,
    /// User metadata
    #[arg(long, value_name = "KEY=VALUE")]
    meta: Vec<Pair>,
    /// What becomes of conflicts
    #[arg(long, value_enum, default_value_t = Strategy::Fail)]
    strategy: Strategy,
    /// Make one commit with one parent
    #[arg(long)]
    squash: bool,
}

/// Merges, and prints the commit's ID.
///
/// # Errors
/// When it failed.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let Args { source, destination, message, meta, strategy, squash } = args;
    if source.repository != destination.repository {
        return usage("both must be in one repository");
    }
    let request = MergeRequest {
        repository: source.repository.clone(),
        r#ref: source.name.clone(),
        destination_branch: destination.name.clone(),
        message,
        metadata: map(meta),
        strategy: MergeStrategy::from(strategy).into(),
        squash,
    };
    let commit_id = session.client.merge(request).await.during(|| format!("merge {source} into {destination}"))?;
    session.out.put(&head(&destination.name, &commit_id))
}
