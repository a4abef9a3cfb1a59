//! `cherry-pick`.

use crate::failure::{Result, While as _};
use crate::session::Session;
use crate::uri::RefUri;
use crate::views::versions::made_commit;
use lakeport_client::v1::CherryPickRequest;

/// Flags.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// lakefs://REPOSITORY/BRANCH: where to make the change once more
    branch: RefUri,
    /// The commit whose change it is
    #[arg(value_name = "COMMIT")]
    commit: String,
    /// Which parent a merge is compared with; 1 is the first. Said for merges alone, and so for what a transaction published
    #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "NUMBER")]
    parent: i32,
}

/// Makes the change of a commit once more, and prints the new one's ID.
///
/// # Errors
/// When it failed.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let Args { branch, commit, parent } = args;
    let request = CherryPickRequest {
        repository: branch.repository.clone(),
        r#ref: commit.clone(),
        branch: branch.name.clone(),
        parent_number: parent,
    };
    let made = session.client.cherry_pick(request).await.during(|| format!("pick {commit} onto {branch}"))?;
    session.out.put(&made_commit(&made))
}
