//! `lakeport sync`.

use super::cp::Selection;
use super::rm::count_deleted;
use crate::failure::{Context as _, Failure, Result, Tally};
use crate::globs::Filter;
use crate::local::{self, Links, Skipped, remove_empty_directories};
use crate::session::{Session, usage_error};
use crate::sources::{Entry, below, below_local, not_found};
use crate::transfer::{self, Job, Options, check_locations, check_trees, reject_conflicts};
use crate::uri::Location;
use crate::views::files::deleted;
use futures_util::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use lakeport_client::Client;
use md5::{Digest as _, Md5};
use std::collections::{BTreeMap, HashSet};
use std::io::{self, Read as _};
use std::path::Path;

/// Maximum number of paths in one request.
const BATCH: usize = 10_000;
/// Number of files that are hashed concurrently.
const HASHES: usize = 4;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
A file equals an object if their sizes are equal and the object's etag is the MD5 of the file; if the etag is not an MD5, the
file or object is copied again. Two objects are equal if their sizes and etags are equal. sync skips the same files and keys as cp,
and then exits with 1.

Files and objects that exist only at the destination are kept. With --delete, sync deletes them after all copies, and only if no
copy failed. A skipped file does not prevent this, but sync deletes nothing at its path or below. It also keeps files below a
symbolic link to a directory at the destination. If a file is at the path of a directory, or a directory at that of a file,
--delete replaces it. Source and destination must not overlap.")]
pub(crate) struct Args {
    /// A directory, or lakefs://REPOSITORY/REF/PREFIX
    source: Location,
    /// A directory, or lakefs://REPOSITORY/BRANCH/PREFIX
    destination: Location,
    /// Delete files and objects that exist only at the destination
    #[arg(long)]
    delete: bool,
    /// Print what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    selection: Selection,
}

/// Files or objects by their paths relative to a directory or prefix.
type Tree = BTreeMap<String, Entry>;

/// Makes the destination equal to the source. Fails if a file or object was skipped, or could not be copied or deleted.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let Args { source: from, destination: to, delete, dry_run, selection } = args;
    let filter = selection.filter()?;
    check_locations(&from, &to)?;
    check_trees(&from, &to)?;
    let options = Options {
        parallelism: selection.parallelism(),
        create_only: false,
        content_type: selection.content_type(&to)?,
        is_dry_run: dry_run,
        large_files: selection.large_files(),
        resume_id: String::new(),
    };
    let mut tally = Tally::default();
    let (source, skipped) = source_tree(&session.client, &from, &filter, selection.links(), &mut tally).await?;
    if source.is_empty() {
        // A mistyped source must not delete everything at the destination.
        tally.add(not_found(&from))?;
        return tally.finish();
    }
    let destination = destination_tree(&session.client, &to, &filter, delete, &mut tally).await?;
    let extra = if delete { extra(&source, &skipped, &destination, &from) } else { Tree::new() };

    let (blocked, ready) = source.into_iter().partition(|(path, _)| is_blocked(path, &extra));
    transfer::run(session, jobs(ready, &destination, &to), &options, &mut tally).await?;
    if !tally.has_failed() {
        remove(session, &to, extra.into_values().collect(), dry_run, &mut tally).await?;
        make_way(&blocked, &to, dry_run);
    }
    transfer::run(session, jobs(blocked, &destination, &to), &options, &mut tally).await?;
    tally.finish()
}

/// Lists the source. Adds the skipped files to `tally`, and returns all of them.
async fn source_tree(
    client: &Client,
    from: &Location,
    filter: &Filter,
    links: Links,
    tally: &mut Tally,
) -> Result<(Tree, Vec<Skipped>)> {
    let (entries, skipped) = match from {
        Location::Stdio => return usage_error("sync needs directories or prefixes, not -"),
        Location::Lake(uri) => (below(client, uri).await?.try_collect().await?, Vec::new()),
        Location::Local(path) => below_local(path, filter, links)?,
    };
    for skipped in skipped.iter().filter(|skipped| !skipped.is_intended()) {
        tally.add(skipped.failure())?;
    }
    Ok((tree(entries, filter), skipped))
}

/// Lists the destination. A local directory that does not exist is empty. Adds unreadable directories to `tally` if files in them
/// would have to be deleted.
async fn destination_tree(
    client: &Client,
    to: &Location,
    filter: &Filter,
    deletes: bool,
    tally: &mut Tally,
) -> Result<Tree> {
    let entries = match to {
        Location::Stdio => return usage_error("sync needs directories or prefixes, not -"),
        Location::Lake(uri) => below(client, uri).await?.try_collect().await?,
        Location::Local(path) if !path.exists() => Vec::new(),
        Location::Local(path) => {
            let (entries, skipped) = below_local(path, filter, Links::Follow)?;
            for skipped in skipped.iter().filter(|skipped| deletes && skipped.is_unreadable()) {
                tally.add(skipped.failure())?;
            }
            entries
        }
    };
    Ok(tree(entries, filter))
}

fn tree(entries: Vec<Entry>, filter: &Filter) -> Tree {
    let selected = entries.into_iter().filter(|entry| filter.accepts(&entry.relative));
    selected.map(|entry| (entry.relative.clone(), entry)).collect()
}

/// Returns the entries that exist only at the destination and may be deleted. Keeps all paths at and below a skipped source, the
/// markers of directories that exist locally, and files below a link at the destination.
fn extra(source: &Tree, skipped: &[Skipped], destination: &Tree, from: &Location) -> Tree {
    let skipped: HashSet<&str> = skipped.iter().map(|skipped| skipped.relative.as_str()).collect();
    let is_kept = |path: &str, entry: &Entry| {
        source.contains_key(path)
            || entry.is_below_link
            || with_parents(path).any(|path| skipped.contains(path))
            || is_local_directory(from, entry)
    };
    let extra = destination.iter().filter(|(path, entry)| !is_kept(path, entry));
    extra.map(|(path, entry)| (path.clone(), entry.clone())).collect()
}

/// Returns whether an entry is the marker of a directory that exists in a local source.
fn is_local_directory(from: &Location, marker: &Entry) -> bool {
    let Location::Local(directory) = from else { return false };
    let is_marker = marker.is_directory_key() && marker.size_bytes == 0;
    is_marker && local::below(directory, &marker.relative).is_ok_and(|path| path.is_dir())
}

/// Returns whether `extra` has a file at the path of a directory of `path`, or files below `path`.
fn is_blocked(path: &str, extra: &Tree) -> bool {
    let directory = format!("{path}/");
    let below = extra.range(directory.clone()..).next();
    with_parents(path).any(|parent| extra.contains_key(parent))
        || below.is_some_and(|(other, _)| other.starts_with(&directory))
}

/// Returns the root (an empty path), the directories of a path, and the path.
fn with_parents(path: &str) -> impl Iterator<Item = &str> {
    let directories = path.match_indices('/').map(|(end, _)| &path[..end]);
    [""].into_iter().chain(directories).chain([path])
}

/// Deletes the empty directories at the local paths of files that will be copied there.
fn make_way(blocked: &Tree, to: &Location, is_dry_run: bool) {
    let Location::Local(directory) = to else { return };
    for entry in blocked.values().filter(|entry| !is_dry_run && !entry.is_directory_key()) {
        if let Ok(path) = local::below(directory, &entry.relative) {
            remove_empty_directories(&path);
        }
    }
}

/// Returns the jobs for all entries that differ from the destination.
fn jobs<'a>(entries: Tree, destination: &'a Tree, to: &'a Location) -> impl Stream<Item = Result<Job>> + 'a {
    let entries = stream::iter(entries.into_values().map(Ok)).boxed();
    let entries = if matches!(to, Location::Local(_)) { reject_conflicts(entries) } else { entries };
    let jobs = entries.map(move |entry| async move { job(entry?, destination, to).await });
    jobs.buffered(HASHES).filter_map(|job| std::future::ready(job.transpose()))
}

/// Returns the copy job for an entry, or `None` if the destination is already equal.
async fn job(entry: Entry, destination: &Tree, to: &Location) -> Result<Option<Job>> {
    let is_up_to_date = match (to, destination.get(&entry.relative)) {
        (Location::Local(directory), _) if entry.is_directory_key() && entry.size_bytes == 0 => {
            local::below(directory, &entry.relative)?.is_dir()
        }
        (_, Some(other)) => is_equal(&entry, other).await?,
        (_, None) => false,
    };
    if is_up_to_date {
        return Ok(None);
    }
    Job::new(entry, to, true).map(Some)
}

async fn is_equal(source: &Entry, destination: &Entry) -> Result<bool> {
    if source.size_bytes != destination.size_bytes {
        return Ok(false);
    }
    match (&source.location, &destination.location) {
        (Location::Local(path), _) => {
            has_md5(path, &destination.etag).await.map_err(|error| Failure::skip(path, error))
        }
        (_, Location::Local(path)) => {
            has_md5(path, &source.etag).await.with_context(|| format!("read {}", path.display()))
        }
        _ => Ok(!source.etag.is_empty() && source.etag == destination.etag),
    }
}

/// Returns whether the etag is the MD5 of the file. False if the etag is not an MD5.
async fn has_md5(path: &Path, etag: &str) -> io::Result<bool> {
    let Ok(expected) = hex::decode(etag) else { return Ok(false) };
    if expected.len() != 16 {
        return Ok(false);
    }
    let path = path.to_owned();
    let sum = tokio::task::spawn_blocking(move || md5_of(&path)).await.map_err(io::Error::other);
    Ok(sum.flatten()? == expected)
}

fn md5_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = std::fs::File::open(path)?;
    let mut sum = Md5::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(sum.finalize().to_vec()),
            count => sum.update(&buffer[..count]),
        }
    }
}

/// Deletes the entries that exist only at the destination.
async fn remove(
    session: &mut Session,
    destination: &Location,
    extra: Vec<Entry>,
    is_dry_run: bool,
    tally: &mut Tally,
) -> Result<()> {
    for batch in extra.chunks(BATCH) {
        if !is_dry_run {
            remove_batch(&session.client, destination, batch, tally).await?;
        }
        for entry in batch.iter().filter(|_| !tally.has_failed()) {
            session.out.report(&deleted(&entry.location.to_string(), is_dry_run))?;
        }
    }
    Ok(())
}

async fn remove_batch(client: &Client, destination: &Location, batch: &[Entry], tally: &mut Tally) -> Result<()> {
    let Location::Lake(uri) = destination else { return remove_files(batch, tally) };
    let paths = batch.iter().filter_map(|entry| entry.location.clone().into_path()).collect();
    count_deleted(uri, client.delete_paths(&uri.place(), paths, true).await, tally).map(drop)
}

fn remove_files(batch: &[Entry], tally: &mut Tally) -> Result<()> {
    for entry in batch {
        let Location::Local(path) = &entry.location else { continue };
        let removed: Result<(), Failure> =
            std::fs::remove_file(path).with_context(|| format!("delete {}", path.display()));
        if let Err(failure) = removed {
            tally.add(failure)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uri::LakeUri;

    fn object(size_bytes: u64, etag: &str) -> Entry {
        let uri: LakeUri = "lakefs://r/main/a".parse().unwrap();
        let location = Location::Lake(uri);
        Entry { location, relative: "a".into(), size_bytes, etag: etag.into(), is_listed: true, is_below_link: false }
    }

    #[tokio::test]
    async fn file_and_object_are_compared_by_size_and_md5() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hello").unwrap();
        let location = Location::Local(file.path().to_owned());
        let local = Entry { location, ..object(5, "") };
        for (object, expected) in [
            (object(5, "5d41402abc4b2a76b9719d911017c592"), true),
            (object(5, "5D41402ABC4B2A76B9719D911017C592"), true),
            (object(6, "5d41402abc4b2a76b9719d911017c592"), false),
            (object(5, "00000000000000000000000000000000"), false),
            (object(5, "5d41402abc4b2a76b9719d911017c592-2"), false),
            (object(5, ""), false),
        ] {
            assert_eq!(is_equal(&local, &object).await.unwrap(), expected, "{object:?}");
            assert_eq!(is_equal(&object, &local).await.unwrap(), expected, "{object:?}");
        }
    }

    #[test]
    fn parents_of_a_path_end_at_slashes() {
        assert!(with_parents("a/b/").eq(["", "a", "a/b", "a/b/"]));
        assert!(with_parents("ab").eq(["", "ab"]));
    }

    #[test]
    fn files_in_the_way_of_directories_and_vice_versa_are_found() {
        let extra: Tree = ["a", "b/c", "d-"].iter().map(|path| ((*path).to_owned(), object(0, ""))).collect();
        for (path, expected) in
            [("a/x", true), ("a/x/y", true), ("a/", true), ("b", true), ("b/d", false), ("d", false), ("ab/x", false)]
        {
            assert_eq!(is_blocked(path, &extra), expected, "{path}");
        }
    }

    #[tokio::test]
    async fn two_objects_are_compared_by_size_and_etag() {
        assert!(is_equal(&object(5, "x"), &object(5, "x")).await.unwrap());
        assert!(!is_equal(&object(5, "x"), &object(5, "y")).await.unwrap());
        assert!(!is_equal(&object(5, ""), &object(5, "")).await.unwrap());
    }

    #[tokio::test]
    async fn only_different_objects_are_copied() {
        let to: Location = "lakefs://r/copy/".parse().unwrap();
        let there = Tree::from([("a".to_owned(), object(5, "x"))]);
        assert_eq!(job(object(5, "x"), &there, &to).await.unwrap(), None);
        let job = job(object(5, "y"), &there, &to).await.unwrap().unwrap();
        assert_eq!(job.to.to_string(), "lakefs://r/copy/a");
    }
}
