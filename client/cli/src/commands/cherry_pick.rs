//! `lakeport cherry-pick`.

use crate::failure::{Context as _, Result};
use crate::session::Session;
use crate::uri::RefUri;
use crate::views::versions::made_commit;
use lakeport_client::v1::CherryPickRequest;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Apply the changes to lakefs://REPOSITORY/BRANCH
    branch: RefUri,
    /// Apply the changes of this commit
    #[arg(value_name = "COMMIT")]
    commit: String,
    /// Compare a merge commit with this parent; 1 is the first. Set only for merge commits, such as those of tx commit
    #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "NUMBER")]
    parent: i32,
}

/// Applies the changes of a commit to a branch, and prints the ID of the new commit.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let Args { branch, commit, parent } = args;
    let request = CherryPickRequest {
        repository: branch.repository.clone(),
        r#ref: commit.clone(),
        branch: branch.name.clone(),
        parent_number: parent,
        ..Default::default()
    };
    let made =
        session.client.cherry_pick(request).await.with_context(|| format!("cherry-pick {commit} onto {branch}"))?;
    session.out.print(&made_commit(&made))
}
