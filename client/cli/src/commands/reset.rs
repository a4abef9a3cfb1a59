//! `reset`.

use crate::confirm::{Care, confirm};
use crate::failure::{Result, While as _};
use crate::session::Session;
use crate::uri::RefUri;
use crate::views::versions::{branch, difference, head};
use lakeport_client::Place;
use lakeport_client::v1::{DiffMode, DiffRequest};

/// Flags.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// lakefs://REPOSITORY/BRANCH
    branch: RefUri,
    /// Drop nothing and let the branch point to this ref; commits that nothing else names are then out of reach
    #[arg(long, value_name = "REF")]
    to: Option<String>,
    #[command(flatten)]
    care: Care,
}

/// Drops what is uncommitted, or moves the branch, and prints where the branch points to.
///
/// # Errors
/// When it failed.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let Args { branch: uri, to, care } = args;
    if care.dry_run {
        return preview(session, &uri, to.as_deref()).await;
    }
    let question = match &to {
        None => format!("Drop what is uncommitted on {uri}?"),
        Some(to) => format!("Let {uri} point to {to}? What is uncommitted on it stays, on top of that."),
    };
    confirm(question, care.yes).await?;
    let reset = session.client.reset(&uri.repository, &uri.name, to.as_deref()).await;
    session.out.put(&branch(&reset.during(|| format!("reset {uri}"))?))
}

/// What would be dropped, as `diff` shows it, or the commit that the branch would point to.
async fn preview(session: &mut Session, uri: &RefUri, to: Option<&str>) -> Result<()> {
    let what = || format!("look at {uri}");
    session.client.branch(&uri.repository, &uri.name).await.during(what)?;
    match to {
        Some(to) => {
            let target = session.client.get_commit(&Place::reference(&uri.repository, to)).await;
            session.out.put(&head(&uri.name, &target.during(|| format!("look at {to}"))?.commit_id))
        }
        None => {
            let (repository, r#ref) = (uri.repository.clone(), uri.name.clone());
            let request =
                DiffRequest { repository, r#ref, mode: DiffMode::Uncommitted.into(), ..DiffRequest::default() };
            let dropped = session.client.diff(request).await.during(what)?;
            session.put_all(dropped, difference, what).await
        }
    }
}
