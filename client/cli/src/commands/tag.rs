//! `lakeport tag`.

use crate::confirm::SafetyFlags;
use crate::failure::{Context as _, Result};
use crate::session::Session;
use crate::uri::{RefUri, RepositoryUri};
use crate::views::versions::{removed, tag};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List tags
    Ls {
        /// lakefs://REPOSITORY
        repository: RepositoryUri,
        /// List only names with this prefix
        #[arg(long, default_value = "", hide_default_value = true)]
        prefix: String,
    },
    /// Create a tag, a fixed name for a commit
    Create {
        /// lakefs://REPOSITORY/TAG
        tag: RefUri,
        /// Ref of the commit to tag
        #[arg(long, value_name = "REF")]
        from: String,
    },
    /// Delete a tag
    Rm {
        /// lakefs://REPOSITORY/TAG
        tag: RefUri,
        #[command(flatten)]
        safety: SafetyFlags,
    },
    /// Show the commit of a tag
    Show {
        /// lakefs://REPOSITORY/TAG
        tag: RefUri,
    },
}

pub(super) async fn run(session: &mut Session, command: Command) -> Result<()> {
    match command {
        Command::Ls { repository, prefix } => {
            let tags = session.client.tags(&repository.0, &prefix);
            session.print_all(tags, tag, || format!("list the tags of {repository}")).await
        }
        Command::Create { tag: uri, from } => {
            let made = session.client.create_tag(&uri.repository, &uri.name, &from).await;
            session.out.print(&tag(&made.with_context(|| format!("create {uri}"))?))
        }
        Command::Rm { tag: uri, safety } => {
            let question = format!("Delete the tag {uri}?");
            let (get, delete) =
                (session.client.tag(&uri.repository, &uri.name), session.client.delete_tag(&uri.repository, &uri.name));
            safety.delete(&uri, question, get, delete).await?;
            session.out.print(&removed("tag", &uri.name, safety.dry_run))
        }
        Command::Show { tag: uri } => {
            let found = session.client.tag(&uri.repository, &uri.name).await;
            session.out.print(&tag(&found.with_context(|| format!("get {uri}"))?))
        }
    }
}
