//! `lakeport ls`.

use crate::failure::{Context as _, Result};
use crate::globs::Pattern;
use crate::session::Session;
use crate::sources::{directory, not_found, stat};
use crate::uri::LakeUri;
use crate::views::files::listed;
use futures_util::future::ready;
use futures_util::stream::TryStreamExt as _;
use lakeport_client::ListOptions;
use lakeport_client::v1::FileInfo;

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

/// Prints the object at the path, if there is one, and the objects below it.
async fn list(session: &mut Session, uri: &LakeUri, is_recursive: bool) -> Result<()> {
    let itself = stat(&session.client, uri).await.with_context(|| format!("list {uri}"))?;
    if let Some(info) = &itself {
        session.out.print(&listed(info))?;
    }
    let delimiter = if is_recursive { "" } else { "/" }.to_owned();
    let options = ListOptions { prefix: directory(&uri.path), delimiter, ..ListOptions::default() };
    let count = print_matching(session, uri, options, |_| true).await?;
    match count == 0 && itself.is_none() && !uri.path.is_empty() {
        true => Err(not_found(uri)),
        false => Ok(()),
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
