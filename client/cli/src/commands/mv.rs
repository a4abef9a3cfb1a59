//! `lakeport mv`.

use crate::failure::{Context as _, Result, Tally};
use crate::session::{Session, usage_error};
use crate::sources::{below, directory, not_found};
use crate::transfer::{check_trees, target};
use crate::uri::{LakeUri, Location};
use crate::views::files::transferred;
use futures_util::stream::TryStreamExt as _;
use lakeport_client::Subtree;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The server copies all objects, and then deletes the sources if no copy failed. To move objects between branches, repositories or
transactions, use cp and then rm.")]
pub(crate) struct Args {
    /// lakefs://REPOSITORY/BRANCH/PATH, or lakefs://REPOSITORY/tx:ID/PATH in a transaction
    source: LakeUri,
    /// Destination in the same branch or transaction; a directory if it ends in /
    destination: LakeUri,
    /// Move everything below the source
    #[arg(short, long)]
    recursive: bool,
    /// Print what would be moved, and move nothing
    #[arg(long)]
    dry_run: bool,
}

/// Moves objects. Fails if an object could not be moved.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let Args { source, destination, recursive, dry_run } = args;
    if !source.is_same_version(&destination) {
        return usage_error("source and destination must be in the same branch or transaction: use cp and then rm");
    }
    if recursive {
        check_trees(&Location::Lake(source.clone()), &Location::Lake(destination.clone()))?;
    }
    if source.path.is_empty() {
        return usage_error(format!("{source} has no path: name an object or a prefix"));
    }
    let (from, to) = match recursive {
        true => (source.with_path(directory(&source.path)), destination.with_path(directory(&destination.path))),
        false => (source.clone(), renamed(&source, &destination)?),
    };
    match dry_run {
        true => preview(session, &from, &to, recursive).await,
        false => rename(session, &from, &to, recursive).await,
    }
}

/// Returns the destination object. If `destination` is a directory, appends the last segment of the source's path.
fn renamed(source: &LakeUri, destination: &LakeUri) -> Result<LakeUri> {
    let name = source.path.rsplit('/').next().unwrap_or_default();
    match target(&Location::Lake(destination.clone()), name, false)? {
        Location::Lake(uri) if uri == *source => usage_error(format!("{source} would be moved to itself")),
        Location::Lake(uri) => Ok(uri),
        _ => usage_error("the destination is not a lakefs:// URI"),
    }
}

async fn rename(session: &mut Session, from: &LakeUri, to: &LakeUri, is_recursive: bool) -> Result<()> {
    let moving = || format!("move {from} to {to}");
    let what = Subtree { path: from.path.clone(), recursive: is_recursive };
    let mut outcomes = session.client.rename(&from.place(), what, &to.path).await.with_context(moving)?;
    let mut tally = Tally::default();
    let mut count = 0_u64;
    while let Some(outcome) = outcomes.try_next().await.with_context(moving)? {
        match outcome.error.map_or(Ok(()), Err).with_context(|| format!("move {}", from.with_path(&outcome.path))) {
            Ok(()) => session.out.report(&moved(from, to, &outcome.path))?,
            Err(failure) => tally.add(failure)?,
        }
        count += 1;
    }
    if count == 0 { Err(not_found(from)) } else { tally.finish() }
}

/// Returns the record of one moved object, whose destination is `path`.
fn moved(from: &LakeUri, to: &LakeUri, path: &str) -> crate::output::Record {
    let relative = path.strip_prefix(&to.path).unwrap_or_default();
    let source = from.with_path(format!("{}{relative}", from.path));
    transferred("move", &source.to_string(), &to.with_path(path).to_string(), false)
}

async fn preview(session: &mut Session, from: &LakeUri, to: &LakeUri, is_recursive: bool) -> Result<()> {
    if !is_recursive {
        session.client.stat(&from.place(), &from.path).await.with_context(|| format!("get {from}"))?;
        return session.out.report(&transferred("move", &from.to_string(), &to.to_string(), true));
    }
    let mut entries = below(&session.client, from).await?;
    let mut count = 0_u64;
    while let Some(entry) = entries.try_next().await? {
        let target = to.with_path(format!("{}{}", to.path, entry.relative));
        session.out.report(&transferred("move", &entry.location.to_string(), &target.to_string(), true))?;
        count += 1;
    }
    if count == 0 { Err(not_found(from)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> LakeUri {
        text.parse().unwrap()
    }

    #[test]
    fn destination_directory_keeps_the_file_name() {
        let source = uri("lakefs://r/main/a/x");
        assert_eq!(renamed(&source, &uri("lakefs://r/main/b/")).unwrap(), uri("lakefs://r/main/b/x"));
        assert_eq!(renamed(&source, &uri("lakefs://r/main/b")).unwrap(), uri("lakefs://r/main/b"));
        assert!(renamed(&source, &uri("lakefs://r/main/a/")).is_err());
    }

    #[test]
    fn record_contains_source_and_destination() {
        let record = moved(&uri("lakefs://r/main/a/"), &uri("lakefs://r/main/b/"), "b/x/y");
        assert_eq!(record.text, "move lakefs://r/main/a/x/y -> lakefs://r/main/b/x/y");
    }
}
