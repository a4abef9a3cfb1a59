//! `ls`.

use crate::failure::{Failure, Result, While as _};
use crate::globs::Pattern;
use crate::session::Session;
use crate::sources::{directory, nothing_there};
use crate::uri::LakeUri;
use crate::views::files::listed;
use futures_util::future::ready;
use futures_util::stream::TryStreamExt as _;
use lakeport_client::v1::FileInfo;
use lakeport_client::{Code, ListOptions};

/// Flags.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// lakefs://REPOSITORY/REF/PREFIX, or a path with wildcards
    #[arg(required = true, value_name = "URI")]
    uris: Vec<LakeUri>,
    /// List all objects below, not only the next level
    #[arg(short, long)]
    recursive: bool,
}

/// Lists.
///
/// # Errors
/// When there is nothing, or it cannot be listed.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    for uri in &args.uris {
        match Pattern::of(&uri.path)? {
            Some(pattern) => list_matching(session, uri, pattern).await?,
            None => list(session, uri, args.recursive).await?,
        }
    }
    Ok(())
}

async fn list(session: &mut Session, uri: &LakeUri, is_recursive: bool) -> Result<()> {
    let delimiter = if is_recursive { "" } else { "/" }.to_owned();
    let options = ListOptions { prefix: directory(&uri.path), delimiter, ..ListOptions::default() };
    let count = put(session, uri, options, |_| true).await?;
    if count > 0 || uri.path.is_empty() {
        return Ok(());
    }
    // Nothing is below it, so it is an object or nothing.
    match session.client.stat(&uri.place(), &uri.path).await {
        Ok(info) => session.out.put(&listed(&info)),
        Err(error) if error.code() == Code::NotFound => Err(nothing_there(uri)),
        Err(error) => Err(Failure::Server { what: format!("list {uri}"), error: Box::new(error) }),
    }
}

async fn list_matching(session: &mut Session, uri: &LakeUri, pattern: Pattern) -> Result<()> {
    let options = ListOptions { prefix: pattern.prefix.clone(), ..ListOptions::default() };
    match put(session, uri, options, |info| pattern.matches(&info.path)).await? {
        0 => Err(nothing_there(uri)),
        _ => Ok(()),
    }
}

/// Prints what `is_meant`, and counts it.
async fn put(
    session: &mut Session,
    uri: &LakeUri,
    options: ListOptions,
    is_meant: impl Fn(&FileInfo) -> bool,
) -> Result<u64> {
    let listing = || format!("list {uri}");
    let listed_infos = session.client.list(&uri.place(), options).await.during(listing)?;
    let mut count = 0;
    let meant = listed_infos.try_filter(|info| {
        let is_meant = is_meant(info);
        count += u64::from(is_meant);
        ready(is_meant)
    });
    session.put_all(meant, listed, listing).await?;
    Ok(count)
}
