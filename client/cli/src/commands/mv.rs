//! `lakeport mv`.

use crate::failure::{Context as _, Failure, Result, Tally};
use crate::session::{Session, usage_error};
use crate::sources::{below, directory, not_found, object, subtree};
use crate::transfer::{check_trees, target};
use crate::uri::{LakeUri, Location};
use crate::views::files::transferred;
use futures_util::stream::TryStreamExt as _;
use lakeport_client::{Client, Subtree};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The server copies all objects, and then deletes the sources if no copy failed. With --recursive, `mv -r a b` moves the object a to b,
and a/x to b/x. To move objects between branches, repositories or transactions, use cp and, if it succeeds, rm with the same flags.")]
pub(crate) struct Args {
    /// lakefs://REPOSITORY/BRANCH/PATH, or lakefs://REPOSITORY/tx:ID/PATH in a transaction
    source: LakeUri,
    /// Destination in the same branch or transaction; a directory if it ends in /
    destination: LakeUri,
    /// Move the object at the source path and everything below it
    #[arg(short, long)]
    recursive: bool,
    /// Print what would be moved, and move nothing
    #[arg(long)]
    dry_run: bool,
}

/// One call of the server.
struct Step {
    from: LakeUri,
    /// Replaces `from` in the path of each moved object.
    to: LakeUri,
    is_recursive: bool,
}

/// Moves objects. Fails if an object could not be moved.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let Args { source, destination, recursive, dry_run } = args;
    if !source.is_same_version(&destination) {
        return usage_error("source and destination must be in the same branch or transaction: use cp and then rm");
    }
    if source.path.is_empty() {
        return usage_error(format!("{source} has no path: name an object or a prefix"));
    }
    let steps = match recursive {
        true => steps(&session.client, &source, &destination).await?,
        false => vec![Step { to: renamed(&source, &destination)?, from: source, is_recursive: false }],
    };
    let mut tally = Tally::default();
    for step in &steps {
        if tally.has_failed() {
            break;
        }
        match dry_run {
            true => preview(session, step).await?,
            false => rename(session, step, &mut tally).await?,
        }
    }
    tally.finish()
}

/// Returns the steps of a recursive move. If the source is both an object and a directory, and the destination ends in `/`, the
/// object keeps its name, so it needs a separate step.
async fn steps(client: &Client, source: &LakeUri, destination: &LakeUri) -> Result<Vec<Step>> {
    check_trees(&Location::Lake(source.clone()), &Location::Lake(destination.clone()))?;
    let is_directory = destination.path.is_empty() || destination.path.ends_with('/');
    let step = |from: &LakeUri, to: LakeUri, is_recursive| Step { from: from.clone(), to, is_recursive };
    let tree = source.with_path(directory(&source.path));
    let has_objects_below = below(client, source).await?.try_next().await?.is_some();
    let move_tree = step(&tree, destination.with_path(directory(&destination.path)), true);
    match (object(client, source).await?, has_objects_below) {
        (None, false) => Err(not_found(source)),
        (None, true) => Ok(vec![move_tree]),
        (Some(_), true) if !is_directory => Ok(vec![step(source, destination.clone(), true)]),
        (Some(_), false) => Ok(vec![step(source, renamed(source, destination)?, false)]),
        (Some(itself), true) => {
            let other = tree.with_path(format!("{}{}", tree.path, itself.relative));
            let to = renamed(source, destination)?;
            if object(client, &other).await?.is_some() {
                return Err(Failure::Refused(format!(
                    "cannot move both {source} and {other} to {to}: move one of them first"
                )));
            }
            Ok(vec![move_tree, step(source, to, false)])
        }
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

async fn rename(session: &mut Session, step: &Step, tally: &mut Tally) -> Result<()> {
    let Step { from, to, is_recursive } = step;
    let moving = || format!("move {from} to {to}");
    let what = Subtree { path: from.path.clone(), recursive: *is_recursive };
    let mut outcomes = session.client.rename(&from.place(), what, &to.path).await.with_context(moving)?;
    let mut count = 0_u64;
    while let Some(outcome) = outcomes.try_next().await.with_context(moving)? {
        match outcome.error.map_or(Ok(()), Err).with_context(|| format!("move {}", from.with_path(&outcome.path))) {
            Ok(()) => session.out.report(&moved(from, to, &outcome.path))?,
            Err(failure) => tally.add(failure)?,
        }
        count += 1;
    }
    if count == 0 { Err(not_found(from)) } else { Ok(()) }
}

/// Returns the record of one moved object, whose destination is `path`.
fn moved(from: &LakeUri, to: &LakeUri, path: &str) -> crate::output::Record {
    let relative = path.strip_prefix(&to.path).unwrap_or_default();
    let source = from.with_path(format!("{}{relative}", from.path));
    transferred("move", &source.to_string(), &to.with_path(path).to_string(), false)
}

async fn preview(session: &mut Session, step: &Step) -> Result<()> {
    let Step { from, to, is_recursive } = step;
    if !is_recursive {
        session.client.stat(&from.place(), &from.path).await.with_context(|| format!("get {from}"))?;
        return session.out.report(&transferred("move", &from.to_string(), &to.to_string(), true));
    }
    let mut entries = subtree(&session.client, from).await?;
    while let Some(entry) = entries.try_next().await? {
        let path = entry.location.clone().into_path().unwrap_or_default();
        let target = to.with_path(path.replacen(&from.path, &to.path, 1));
        session.out.report(&transferred("move", &entry.location.to_string(), &target.to_string(), true))?;
    }
    Ok(())
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
        let record = moved(&uri("lakefs://r/main/a"), &uri("lakefs://r/main/b"), "b");
        assert_eq!(record.text, "move lakefs://r/main/a -> lakefs://r/main/b");
    }
}
