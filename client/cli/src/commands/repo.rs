//! `repo`.

use crate::confirm::Care;
use crate::failure::{Result, While as _};
use crate::session::Session;
use crate::uri::RepositoryUri;
use crate::views::versions::{removed, repository};
use lakeport_client::v1::CreateRepositoryRequest;

/// What to do with repositories.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List repositories
    Ls {
        /// Only names that begin so
        #[arg(long, default_value = "", hide_default_value = true)]
        prefix: String,
    },
    /// Make a repository
    Create(CreateArgs),
    /// Delete a repository and all that is in it
    Rm {
        /// lakefs://REPOSITORY
        repository: RepositoryUri,
        #[command(flatten)]
        care: Care,
    },
    /// Show a repository
    Show {
        /// lakefs://REPOSITORY
        repository: RepositoryUri,
    },
}

/// Flags of `repo create`.
#[derive(Debug, clap::Args)]
pub(crate) struct CreateArgs {
    /// lakefs://REPOSITORY
    repository: RepositoryUri,
    /// Where its bytes go, a URL such as s3://bucket/prefix; an embedded lake has its own
    #[arg(long, default_value = "", hide_default_value = true, value_name = "URL")]
    storage_namespace: String,
    /// The branch that it begins with
    #[arg(long, default_value = "main", value_name = "BRANCH")]
    default_branch: String,
    /// Refuse writes
    #[arg(long)]
    read_only: bool,
}

/// Does it.
///
/// # Errors
/// When it failed.
pub(super) async fn run(session: &mut Session, command: Command) -> Result<()> {
    match command {
        Command::Ls { prefix } => {
            let repositories = session.client.repositories(&prefix);
            session.put_all(repositories, repository, || "list the repositories".to_owned()).await
        }
        Command::Create(args) => create(session, args).await,
        Command::Rm { repository: uri, care } => {
            let question = format!("Delete the repository {uri} and all that is in it?");
            let (look, delete) = (session.client.repository(&uri.0), session.client.delete_repository(&uri.0));
            care.delete(&uri, question, look, delete).await?;
            session.out.put(&removed("repository", &uri.0, care.dry_run))
        }
        Command::Show { repository: uri } => {
            let found = session.client.repository(&uri.0).await;
            session.out.put(&repository(&found.during(|| format!("look at {uri}"))?))
        }
    }
}

async fn create(session: &mut Session, args: CreateArgs) -> Result<()> {
    let CreateArgs { repository: uri, storage_namespace, default_branch, read_only } = args;
    let request = CreateRepositoryRequest { repository: uri.0.clone(), storage_namespace, default_branch, read_only };
    let made = session.client.create_repository(request).await;
    session.out.put(&repository(&made.during(|| format!("make {uri}"))?))
}
