//! `tag`.

use crate::confirm::Care;
use crate::failure::{Result, While as _};
use crate::session::Session;
use crate::uri::{RefUri, RepositoryUri};
use crate::views::versions::{removed, tag};

/// What to do with tags.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List tags
    Ls {
        /// lakefs://REPOSITORY
        repository: RepositoryUri,
        /// Only names that begin so
        #[arg(long, default_value = "", hide_default_value = true)]
        prefix: String,
    },
    /// Name a commit for ever
    Create {
        /// lakefs://REPOSITORY/TAG
        tag: RefUri,
        /// What to name
        #[arg(long, value_name = "REF")]
        from: String,
    },
    /// Take a tag away
    Rm {
        /// lakefs://REPOSITORY/TAG
        tag: RefUri,
        #[command(flatten)]
        care: Care,
    },
    /// Show the commit that a tag names
    Show {
        /// lakefs://REPOSITORY/TAG
        tag: RefUri,
    },
}

/// Does it.
///
/// # Errors
/// When it failed.
pub(super) async fn run(session: &mut Session, command: Command) -> Result<()> {
    match command {
        Command::Ls { repository, prefix } => {
            let tags = session.client.tags(&repository.0, &prefix);
            session.put_all(tags, tag, || format!("list the tags of {repository}")).await
        }
        Command::Create { tag: uri, from } => {
            let made = session.client.create_tag(&uri.repository, &uri.name, &from).await;
            session.out.put(&tag(&made.during(|| format!("make {uri}"))?))
        }
        Command::Rm { tag: uri, care } => {
            let question = format!("Delete the tag {uri}?");
            let (look, delete) =
                (session.client.tag(&uri.repository, &uri.name), session.client.delete_tag(&uri.repository, &uri.name));
            care.delete(&uri, question, look, delete).await?;
            session.out.put(&removed("tag", &uri.name, care.dry_run))
        }
        Command::Show { tag: uri } => {
            let found = session.client.tag(&uri.repository, &uri.name).await;
            session.out.put(&tag(&found.during(|| format!("look at {uri}"))?))
        }
    }
}
