//! `lakeport revert`.

use crate::failure::{Context as _, Result};
use crate::session::Session;
use crate::uri::{Version, VersionUri};
use crate::values::{Pair, map};
use crate::views::versions::made_commit;
use lakeport_client::v1::RevertRequest;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Revert in lakefs://REPOSITORY/BRANCH, or in the transaction lakefs://REPOSITORY/tx:ID, which stays open
    branch: VersionUri,
    /// Revert this commit
    #[arg(value_name = "COMMIT")]
    commit: String,
    /// Revert a merge commit relative to this parent; 1 is the first. Set only for merge commits, such as those of tx commit
    #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "NUMBER")]
    parent: i32,
    /// Commit message; by default it names the reverted commit
    #[arg(short, long, default_value = "", hide_default_value = true)]
    message: String,
    /// User metadata of the commit
    #[arg(long, value_name = "KEY=VALUE")]
    meta: Vec<Pair>,
}

/// Reverts a commit, and prints the ID of the new commit.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let Args { branch, commit, parent, message, meta } = args;
    let (name, transaction_id) = match branch.version.clone() {
        Version::Ref(name) => (name, String::new()),
        Version::Transaction(id) => (String::new(), id),
    };
    let request = RevertRequest {
        repository: branch.repository.clone(),
        r#ref: commit.clone(),
        transaction_id,
        branch: name,
        parent_number: parent,
        message,
        metadata: map(meta),
        ..Default::default()
    };
    let made = session.client.revert(request).await.with_context(|| format!("revert {commit} on {branch}"))?;
    session.out.print(&made_commit(&made))
}
