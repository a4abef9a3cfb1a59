//! `reset`.

use crate::confirm::{Care, confirm};
use crate::failure::{Result, While as _};
use crate::session::Session;
use crate::uri::RefUri;
use crate::views::versions::{branch, difference, head};
use futures_util::TryStreamExt as _;
use lakeport_client::Place;
use lakeport_client::v1::{DiffMode, DiffRequest, ResetRequest};
use std::future::ready;

/// Flags.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// lakefs://REPOSITORY/BRANCH
    branch: RefUri,
    /// Drop nothing and let the branch point to this ref; commits that nothing else names are then out of reach
    #[arg(long, value_name = "REF")]
    to: Option<String>,
    /// Drop only what is uncommitted at this path
    #[arg(long, value_name = "PATH", conflicts_with = "to")]
    path: Option<String>,
    /// Drop only what is uncommitted below this prefix
    #[arg(long, value_name = "PREFIX", conflicts_with_all = ["to", "path"])]
    prefix: Option<String>,
    #[command(flatten)]
    care: Care,
}

/// Drops what is uncommitted, or moves the branch, and prints where the branch points to.
///
/// # Errors
/// When it failed.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let Args { branch: uri, to, path, prefix, care } = args;
    let part = path.as_ref().or(prefix.as_ref());
    if care.dry_run {
        return preview(session, &uri, to.as_deref(), (path.as_deref(), prefix.as_deref())).await;
    }
    let question = match (&to, part) {
        (None, None) => format!("Drop what is uncommitted on {uri}?"),
        (None, Some(part)) => format!("Drop what is uncommitted at {part:?} on {uri}?"),
        (Some(to), _) => format!("Let {uri} point to {to}? What is uncommitted on it stays, on top of that."),
    };
    confirm(question, care.yes).await?;
    let request = ResetRequest {
        repository: uri.repository.clone(),
        r#ref: uri.name.clone(),
        target_ref: to.unwrap_or_default(),
        path: path.unwrap_or_default(),
        prefix: prefix.unwrap_or_default(),
    };
    let reset = session.client.reset(request).await;
    session.out.put(&branch(&reset.during(|| format!("reset {uri}"))?))
}

/// What would be dropped, as `diff` shows it, or the commit that the branch would point to.
async fn preview(
    session: &mut Session,
    uri: &RefUri,
    to: Option<&str>,
    (path, prefix): (Option<&str>, Option<&str>),
) -> Result<()> {
    let what = || format!("look at {uri}");
    session.client.branch(&uri.repository, &uri.name).await.during(what)?;
    match to {
        Some(to) => {
            let target = session.client.get_commit(&Place::reference(&uri.repository, to)).await;
            session.out.put(&head(&uri.name, &target.during(|| format!("look at {to}"))?.commit_id))
        }
        None => {
            let below = path.or(prefix).unwrap_or_default().to_owned();
            let (repository, r#ref) = (uri.repository.clone(), uri.name.clone());
            let request = DiffRequest {
                repository,
                r#ref,
                mode: DiffMode::Uncommitted.into(),
                prefix: below,
                ..DiffRequest::default()
            };
            let dropped = session.client.diff(request).await.during(what)?;
            let dropped = dropped.try_filter(|entry| ready(path.is_none_or(|path| entry.path == path)));
            session.put_all(dropped, difference, what).await
        }
    }
}
