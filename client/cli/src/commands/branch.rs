//! `lakeport branch`.

use crate::confirm::SafetyFlags;
use crate::failure::{Context as _, Result};
use crate::session::Session;
use crate::uri::{RefUri, RepositoryUri};
use crate::views::versions::{branch, removed};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List branches, except those of transactions
    Ls {
        /// lakefs://REPOSITORY
        repository: RepositoryUri,
        /// List only names with this prefix
        #[arg(long, default_value = "", hide_default_value = true)]
        prefix: String,
    },
    /// Create a branch at the commit of a ref; uncommitted changes of the ref are not copied
    Create {
        /// lakefs://REPOSITORY/BRANCH
        branch: RefUri,
        /// Ref to start the branch from
        #[arg(long, value_name = "REF")]
        from: String,
    },
    /// Delete a branch and its uncommitted changes
    Rm {
        /// lakefs://REPOSITORY/BRANCH
        branch: RefUri,
        #[command(flatten)]
        safety: SafetyFlags,
    },
    /// Show the commit of a branch
    Show {
        /// lakefs://REPOSITORY/BRANCH
        branch: RefUri,
    },
}

pub(super) async fn run(session: &mut Session, command: Command) -> Result<()> {
    match command {
        Command::Ls { repository, prefix } => {
            let branches = session.client.branches(&repository.0, &prefix);
            session.print_all(branches, branch, || format!("list the branches of {repository}")).await
        }
        Command::Create { branch: uri, from } => {
            let made = session.client.create_branch(&uri.repository, &uri.name, &from).await;
            session.out.print(&branch(&made.with_context(|| format!("create {uri}"))?))
        }
        Command::Rm { branch: uri, safety } => {
            let question = format!("Delete the branch {uri} and its uncommitted changes?");
            let (get, delete) = (
                session.client.branch(&uri.repository, &uri.name),
                session.client.delete_branch(&uri.repository, &uri.name),
            );
            safety.delete(&uri, question, get, delete).await?;
            session.out.print(&removed("branch", &uri.name, safety.dry_run))
        }
        Command::Show { branch: uri } => {
            let found = session.client.branch(&uri.repository, &uri.name).await;
            session.out.print(&branch(&found.with_context(|| format!("get {uri}"))?))
        }
    }
}
