//! `lakeport commit`.

use crate::failure::{Context as _, Result};
use crate::session::Session;
use crate::uri::VersionUri;
use crate::values::{Pair, map};
use crate::views::versions::made_commit;
use lakeport_client::v1::CreateCommitRequest;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// lakefs://REPOSITORY/BRANCH, or lakefs://REPOSITORY/tx:ID for a transaction, which stays open
    uri: VersionUri,
    /// Commit message
    #[arg(short, long, default_value = "", hide_default_value = true)]
    message: String,
    /// User metadata of the commit
    #[arg(long, value_name = "KEY=VALUE")]
    meta: Vec<Pair>,
    /// Commit even if there are no changes
    #[arg(long)]
    allow_empty: bool,
}

/// Commits, and prints the ID of the commit.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let place = args.uri.place();
    let request = CreateCommitRequest {
        repository: place.repository().to_owned(),
        r#ref: place.ref_name().to_owned(),
        transaction_id: place.transaction_id().to_owned(),
        message: args.message,
        metadata: map(args.meta),
        allow_empty: args.allow_empty,
        ..Default::default()
    };
    let made = session.client.create_commit(request).await.with_context(|| format!("commit {}", args.uri))?;
    session.out.print(&made_commit(&made))
}
