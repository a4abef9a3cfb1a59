//! `lakeport ls`.

use crate::failure::{Context as _, Failure, Result};
use crate::globs::Pattern;
use crate::session::Session;
use crate::sources::{directory, not_found};
use crate::uri::LakeUri;
use crate::views::files::listed;
use futures_util::future::ready;
use futures_util::stream::TryStreamExt as _;
use lakeport_client::v1::FileInfo;
use lakeport_client::{Code, ListOptions};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// lakefs://REPOSITORY/REF/PREFIX, or a path with wildcards
    #[arg(required = true, value_name = "URI")]
    uris: Vec<LakeUri>,
    /// List all objects below the prefix, not only the next level
    #[arg(short, long)]
    recursive: bool,
}

/// Prints listings. Fails if a URI with a path matches nothing.
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
    let count = print_matching(session, uri, options, |_| true).await?;
    if count > 0 || uri.path.is_empty() {
        return Ok(());
    }
    // No object is below the path, so the path itself may be an object.
    match session.client.stat(&uri.place(), &uri.path).await {
        Ok(info) => session.out.print(&listed(&info)),
        Err(error) if error.code() == Code::NotFound => Err(not_found(uri)),
        Err(error) => Err(Failure::Server { what: format!("list {uri}"), error: Box::new(error) }),
    }
}

async fn list_matching(session: &mut Session, uri: &LakeUri, pattern: Pattern) -> Result<()> {
    let options = ListOptions { prefix: pattern.prefix.clone(), ..ListOptions::default() };
    match print_matching(session, uri, options, |info| pattern.matches(&info.path)).await? {
        0 => Err(not_found(uri)),
        _ => Ok(()),
    }
}

/// Prints the entries that match, and returns their number.
async fn print_matching(
    session: &mut Session,
    uri: &LakeUri,
    options: ListOptions,
    matches: impl Fn(&FileInfo) -> bool,
) -> Result<u64> {
    let listing = || format!("list {uri}");
    let listed_infos = session.client.list(&uri.place(), options).await.with_context(listing)?;
    let mut count = 0;
    let matching = listed_infos.try_filter(|info| {
        let is_match = matches(info);
        count += u64::from(is_match);
        ready(is_match)
    });
    session.print_all(matching, listed, listing).await?;
    Ok(count)
}
