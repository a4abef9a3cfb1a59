//! `mv`.

use crate::failure::{Result, Tally, While as _};
use crate::session::{Session, usage};
use crate::sources::{below, directory, nothing_there};
use crate::transfer::target;
use crate::uri::{LakeUri, Location};
use crate::views::files::transferred;
use futures_util::stream::TryStreamExt as _;
use lakeport_client::Subtree;

/// Flags.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The server copies everything first, and deletes the sources once all copies stand. Between branches, repositories and
transactions, use cp and then rm.")]
pub(crate) struct Args {
    /// lakefs://REPOSITORY/BRANCH/PATH, or in a transaction
    source: LakeUri,
    /// In the same branch or transaction; a directory if it ends in /
    destination: LakeUri,
    /// Move all that is below the source to below the destination
    #[arg(short, long)]
    recursive: bool,
    /// Say what would be moved, and move nothing
    #[arg(long)]
    dry_run: bool,
}

/// Moves.
///
/// # Errors
/// When something could not be moved.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let Args { source, destination, recursive, dry_run } = args;
    if !source.is_beside(&destination) {
        return usage("mv works within one branch or transaction: use cp and then rm");
    }
    if source.path.is_empty() {
        return usage(format!("{source} is a whole version: name an object or a prefix"));
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

/// A destination that is a directory keeps the last part of the source's path.
fn renamed(source: &LakeUri, destination: &LakeUri) -> Result<LakeUri> {
    let name = source.path.rsplit('/').next().unwrap_or_default();
    match target(&Location::Lake(destination.clone()), name, false)? {
        Location::Lake(uri) => Ok(uri),
        _ => usage("the destination is not in a lake"),
    }
}

async fn rename(session: &mut Session, from: &LakeUri, to: &LakeUri, is_recursive: bool) -> Result<()> {
    let moving = || format!("move {from} to {to}");
    let what = Subtree { path: from.path.clone(), recursive: is_recursive };
    let mut outcomes = session.client.rename(&from.place(), what, &to.path).await.during(moving)?;
    let mut tally = Tally::default();
    let mut count = 0_u64;
    while let Some(outcome) = outcomes.try_next().await.during(moving)? {
        match outcome.error.map_or(Ok(()), Err).during(|| format!("move {}", from.with_path(&outcome.path))) {
            Ok(()) => session.out.report(&moved(from, to, &outcome.path))?,
            Err(failure) => tally.add(failure)?,
        }
        count += 1;
    }
    if count == 0 { Err(nothing_there(from)) } else { tally.finish() }
}

/// The record of one destination.
fn moved(from: &LakeUri, to: &LakeUri, path: &str) -> crate::output::Record {
    let relative = path.strip_prefix(&to.path).unwrap_or_default();
    let source = from.with_path(format!("{}{relative}", from.path));
    transferred("move", &source.to_string(), &to.with_path(path).to_string(), false)
}

async fn preview(session: &mut Session, from: &LakeUri, to: &LakeUri, is_recursive: bool) -> Result<()> {
    if !is_recursive {
        session.client.stat(&from.place(), &from.path).await.during(|| format!("look at {from}"))?;
        return session.out.report(&transferred("move", &from.to_string(), &to.to_string(), true));
    }
    let mut finds = below(&session.client, from).await?;
    let mut count = 0_u64;
    while let Some(found) = finds.try_next().await? {
        let target = to.with_path(format!("{}{}", to.path, found.relative));
        session.out.report(&transferred("move", &found.location.to_string(), &target.to_string(), true))?;
        count += 1;
    }
    if count == 0 { Err(nothing_there(from)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> LakeUri {
        text.parse().unwrap()
    }

    #[test]
    fn a_directory_keeps_the_name() {
        let source = uri("lakefs://r/main/a/x");
        assert_eq!(renamed(&source, &uri("lakefs://r/main/b/")).unwrap(), uri("lakefs://r/main/b/x"));
        assert_eq!(renamed(&source, &uri("lakefs://r/main/b")).unwrap(), uri("lakefs://r/main/b"));
    }

    #[test]
    fn a_record_names_the_source_of_each_destination() {
        let record = moved(&uri("lakefs://r/main/a/"), &uri("lakefs://r/main/b/"), "b/x/y");
        assert_eq!(record.text, "move lakefs://r/main/a/x/y -> lakefs://r/main/b/x/y");
    }
}
