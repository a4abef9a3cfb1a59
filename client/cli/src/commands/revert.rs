//! `revert`.

use crate::failure::{Result, While as _};
use crate::session::Session;
use crate::uri::{Version, VersionUri};
use crate::values::{Pair, map};
use crate::views::versions::made_commit;
use lakeport_client::v1::RevertRequest;

/// Flags.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// lakefs://REPOSITORY/BRANCH, or lakefs://REPOSITORY/tx:ID, which stays open: where to undo it
    branch: VersionUri,
    /// The commit to undo
    #[arg(value_name = "COMMIT")]
    commit: String,
    /// Which parent a merge is undone against; 1 is the first. Said for merges alone, and so for what a transaction published
    #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "NUMBER")]
    parent: i32,
    /// What was done; by default it names the commit
    #[arg(short, long, default_value = "", hide_default_value = true)]
    message: String,
    /// User metadata
    #[arg(long, value_name = "KEY=VALUE")]
    meta: Vec<Pair>,
}

/// Undoes a commit, and prints the new one's ID.
///
/// # Errors
/// When it failed.
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
    };
    let made = session.client.revert(request).await.during(|| format!("undo {commit} on {branch}"))?;
    session.out.put(&made_commit(&made))
}
