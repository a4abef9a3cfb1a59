//! `lakeport reset`.

use crate::confirm::{SafetyFlags, confirm};
use crate::failure::{Context as _, Result};
use crate::session::Session;
use crate::uri::RefUri;
use crate::views::versions::{branch, difference, head};
use futures_util::TryStreamExt as _;
use lakeport_client::Place;
use lakeport_client::v1::{DiffMode, DiffRequest, ResetRequest};
use std::future::ready;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// lakefs://REPOSITORY/BRANCH
    branch: RefUri,
    /// Move the branch to this ref and keep uncommitted changes; commits that no other ref contains become unreachable
    #[arg(long, value_name = "REF")]
    to: Option<String>,
    /// Discard only the uncommitted change of this path
    #[arg(long, value_name = "PATH", conflicts_with = "to")]
    path: Option<String>,
    /// Discard only the uncommitted changes below this prefix
    #[arg(long, value_name = "PREFIX", conflicts_with_all = ["to", "path"])]
    prefix: Option<String>,
    #[command(flatten)]
    safety: SafetyFlags,
}

/// Discards uncommitted changes, or moves the branch. Prints the commit of the branch.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let Args { branch: uri, to, path, prefix, safety } = args;
    let part = path.as_ref().or(prefix.as_ref());
    if safety.dry_run {
        return preview(session, &uri, to.as_deref(), (path.as_deref(), prefix.as_deref())).await;
    }
    let question = match (&to, part) {
        (None, None) => format!("Discard the uncommitted changes of {uri}?"),
        (None, Some(part)) => format!("Discard the uncommitted changes at {part:?} on {uri}?"),
        (Some(to), _) => format!("Move {uri} to {to}? Its uncommitted changes are kept, on top of {to}."),
    };
    confirm(question, safety.yes).await?;
    let request = ResetRequest {
        repository: uri.repository.clone(),
        r#ref: uri.name.clone(),
        target_ref: to.unwrap_or_default(),
        path: path.unwrap_or_default(),
        prefix: prefix.unwrap_or_default(),
        ..Default::default()
    };
    let reset = session.client.reset(request).await;
    session.out.print(&branch(&reset.with_context(|| format!("reset {uri}"))?))
}

/// Prints the changes that would be discarded, in the format of `diff`, or the commit that the branch would move to.
async fn preview(
    session: &mut Session,
    uri: &RefUri,
    to: Option<&str>,
    (path, prefix): (Option<&str>, Option<&str>),
) -> Result<()> {
    let what = || format!("get {uri}");
    session.client.branch(&uri.repository, &uri.name).await.with_context(what)?;
    match to {
        Some(to) => {
            let target = session.client.get_commit(&Place::reference(&uri.repository, to)).await;
            session.out.print(&head(&uri.name, &target.with_context(|| format!("get {to}"))?.commit_id))
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
            let dropped = session.client.diff(request).await.with_context(what)?;
            let dropped = dropped.try_filter(|entry| ready(path.is_none_or(|path| entry.path == path)));
            session.print_all(dropped, difference, what).await
        }
    }
}
