//! `branch`.

use crate::confirm::Care;
use crate::failure::{Result, While as _};
use crate::session::Session;
use crate::uri::{RefUri, RepositoryUri};
use crate::views::versions::{branch, removed};

/// What to do with branches.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List branches, without those of transactions
    Ls {
        /// lakefs://REPOSITORY
        repository: RepositoryUri,
        /// Only names that begin so
        #[arg(long, default_value = "", hide_default_value = true)]
        prefix: String,
    },
    /// Make a branch at the commit of a ref; what is uncommitted there is not taken
    Create {
        /// lakefs://REPOSITORY/BRANCH
        branch: RefUri,
        /// Where it begins
        #[arg(long, value_name = "REF")]
        from: String,
    },
    /// Delete a branch and what is uncommitted on it
    Rm {
        /// lakefs://REPOSITORY/BRANCH
        branch: RefUri,
        #[command(flatten)]
        care: Care,
    },
    /// Show the commit that a branch points to
    Show {
        /// lakefs://REPOSITORY/BRANCH
        branch: RefUri,
    },
}

/// Does it.
///
/// # Errors
/// When it failed.
pub(super) async fn run(session: &mut Session, command: Command) -> Result<()> {
    match command {
        Command::Ls { repository, prefix } => {
            let branches = session.client.branches(&repository.0, &prefix);
            session.put_all(branches, branch, || format!("list the branches of {repository}")).await
        }
        Command::Create { branch: uri, from } => {
            let made = session.client.create_branch(&uri.repository, &uri.name, &from).await;
            session.out.put(&branch(&made.during(|| format!("make {uri}"))?))
        }
        Command::Rm { branch: uri, care } => {
            let question = format!("Delete the branch {uri} and what is uncommitted on it?");
            let (look, delete) = (
                session.client.branch(&uri.repository, &uri.name),
                session.client.delete_branch(&uri.repository, &uri.name),
            );
            care.delete(&uri, question, look, delete).await?;
            session.out.put(&removed("branch", &uri.name, care.dry_run))
        }
        Command::Show { branch: uri } => {
            let found = session.client.branch(&uri.repository, &uri.name).await;
            session.out.put(&branch(&found.during(|| format!("look at {uri}"))?))
        }
    }
}
