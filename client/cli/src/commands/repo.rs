//! `lakeport repo`.

use crate::confirm::SafetyFlags;
use crate::failure::{Context as _, Result};
use crate::session::Session;
use crate::uri::RepositoryUri;
use crate::views::versions::{removed, repository};
use lakeport_client::v1::CreateRepositoryRequest;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List repositories
    Ls {
        /// List only names with this prefix
        #[arg(long, default_value = "", hide_default_value = true)]
        prefix: String,
    },
    /// Create a repository
    Create(CreateArgs),
    /// Delete a repository and everything in it
    Rm {
        /// lakefs://REPOSITORY
        repository: RepositoryUri,
        #[command(flatten)]
        safety: SafetyFlags,
    },
    /// Show a repository
    Show {
        /// lakefs://REPOSITORY
        repository: RepositoryUri,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct CreateArgs {
    /// lakefs://REPOSITORY
    repository: RepositoryUri,
    /// Store the data at this URL, such as s3://bucket/prefix; optional for an embedded lake
    #[arg(long, default_value = "", hide_default_value = true, value_name = "URL")]
    storage_namespace: String,
    /// Name of the default branch
    #[arg(long, default_value = "main", value_name = "BRANCH")]
    default_branch: String,
    /// Make the repository read-only
    #[arg(long)]
    read_only: bool,
}

pub(super) async fn run(session: &mut Session, command: Command) -> Result<()> {
    match command {
        Command::Ls { prefix } => {
            let repositories = session.client.repositories(&prefix);
            session.print_all(repositories, repository, || "list the repositories".to_owned()).await
        }
        Command::Create(args) => create(session, args).await,
        Command::Rm { repository: uri, safety } => {
            let question = format!("Delete the repository {uri} and everything in it?");
            let (get, delete) = (session.client.repository(&uri.0), session.client.delete_repository(&uri.0));
            safety.delete(&uri, question, get, delete).await?;
            session.out.print(&removed("repository", &uri.0, safety.dry_run))
        }
        Command::Show { repository: uri } => {
            let found = session.client.repository(&uri.0).await;
            session.out.print(&repository(&found.with_context(|| format!("get {uri}"))?))
        }
    }
}

async fn create(session: &mut Session, args: CreateArgs) -> Result<()> {
    let CreateArgs { repository: uri, storage_namespace, default_branch, read_only } = args;
    let request = CreateRepositoryRequest {
        repository: uri.0.clone(),
        storage_namespace,
        default_branch,
        read_only,
        ..Default::default()
    };
    let made = session.client.create_repository(request).await;
    session.out.print(&repository(&made.with_context(|| format!("create {uri}"))?))
}
