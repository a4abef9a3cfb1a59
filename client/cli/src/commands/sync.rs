//! `lakeport sync`.

use super::cp::Selection;
use crate::failure::{Context as _, Failure, Result, Tally};
use crate::globs::Filter;
use crate::session::{Session, usage_error};
use crate::sources::{Entry, below, below_local, not_found};
use crate::transfer::{self, Job, Options, check_locations, target};
use crate::uri::Location;
use crate::views::files::deleted;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use lakeport_client::Client;
use md5::{Digest as _, Md5};
use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::Path;

/// Maximum number of paths in one request.
const BATCH: usize = 10_000;
/// Number of files that are hashed concurrently.
const HASHES: usize = 4;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
A file equals an object if their sizes are equal and the object's etag is the MD5 of the file; if the etag is not an MD5, the
file or object is copied again. Two objects are equal if their sizes and etags are equal. Files and objects that exist only at the
destination are kept. With --delete, they are deleted after all copies, and only if no copy failed.")]
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

/// Makes the destination equal to the source. Fails if a file or object could not be copied or deleted.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let filter = args.selection.filter()?;
    check_locations(&args.source, &args.destination)?;
    let source = tree(&session.client, &args.source, &filter, false).await?;
    if source.is_empty() {
        // A mistyped source must not delete everything at the destination.
        return Err(not_found(&args.source));
    }
    let destination = tree(&session.client, &args.destination, &filter, true).await?;
    let extra: Vec<Entry> =
        destination.values().filter(|entry| !source.contains_key(&entry.relative)).cloned().collect();
    let options = Options {
        parallelism: args.selection.parallelism(),
        create_only: false,
        content_type: String::new(),
        is_dry_run: args.dry_run,
        large_files: args.selection.large_files(),
        resume_id: String::new(),
    };
    let jobs = stream::iter(source.into_values())
        .map(|entry| job(entry, &destination, &args.destination))
        .buffered(HASHES)
        .filter_map(|job| std::future::ready(job.transpose()));
    transfer::run(session, jobs, &options).await?;
    match args.delete {
        true => remove(session, &args.destination, extra, args.dry_run).await,
        false => Ok(()),
    }
}

/// Lists the files or objects below `root`. A local destination that does not exist is empty.
async fn tree(client: &Client, root: &Location, filter: &Filter, is_destination: bool) -> Result<Tree> {
    let entries: Vec<Entry> = match root {
        Location::Stdio => return usage_error("sync needs directories or prefixes, not -"),
        Location::Lake(uri) => below(client, uri).await?.try_collect().await?,
        Location::Local(path) if is_destination && !path.exists() => Vec::new(),
        Location::Local(path) => below_local(path)?,
    };
    let selected = entries.into_iter().filter(|entry| filter.accepts(&entry.relative));
    Ok(selected.map(|entry| (entry.relative.clone(), entry)).collect())
}

/// Returns the copy job for an entry, or `None` if the destination is already equal.
async fn job(entry: Entry, destination: &Tree, to: &Location) -> Result<Option<Job>> {
    let is_up_to_date = match destination.get(&entry.relative) {
        Some(other) => is_equal(&entry, other).await?,
        None => false,
    };
    if is_up_to_date {
        return Ok(None);
    }
    let to = target(to, &entry.relative, true)?;
    Ok(Some(Job { from: entry.location, to }))
}

async fn is_equal(one: &Entry, other: &Entry) -> Result<bool> {
    if one.size_bytes != other.size_bytes {
        return Ok(false);
    }
    match (&one.location, &other.location) {
        (Location::Local(path), _) => has_md5(path, &other.etag).await,
        (_, Location::Local(path)) => has_md5(path, &one.etag).await,
        _ => Ok(!one.etag.is_empty() && one.etag == other.etag),
    }
}

/// Returns whether the etag is the MD5 of the file. False if the etag is not an MD5.
async fn has_md5(path: &Path, etag: &str) -> Result<bool> {
    let Ok(expected) = hex::decode(etag) else { return Ok(false) };
    if expected.len() != 16 {
        return Ok(false);
    }
    let path = path.to_owned();
    let what = format!("read {}", path.display());
    let sum = tokio::task::spawn_blocking(move || md5_of(&path)).await.map_err(io::Error::other);
    Ok(sum.flatten().with_context(|| what)? == expected)
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
async fn remove(session: &mut Session, destination: &Location, extra: Vec<Entry>, is_dry_run: bool) -> Result<()> {
    let mut tally = Tally::default();
    for batch in extra.chunks(BATCH) {
        if !is_dry_run {
            remove_batch(&session.client, destination, batch, &mut tally).await?;
        }
        for entry in batch.iter().filter(|_| tally.is_clean()) {
            session.out.report(&deleted(&entry.location.to_string(), is_dry_run))?;
        }
    }
    tally.finish()
}

async fn remove_batch(client: &Client, destination: &Location, batch: &[Entry], tally: &mut Tally) -> Result<()> {
    let Location::Lake(uri) = destination else { return remove_files(batch, tally) };
    let paths = batch.iter().filter_map(|entry| entry.location.clone().into_path()).collect();
    let done = client.delete_paths(&uri.place(), paths).await.with_context(|| format!("delete below {uri}"))?;
    for outcome in done.failures {
        let path = uri.with_path(outcome.path);
        if let Err(failure) = outcome.error.map_or(Ok(()), Err).with_context(|| format!("delete {path}")) {
            tally.add(failure)?;
        }
    }
    Ok(())
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
        Entry { location: Location::Lake(uri), relative: "a".into(), size_bytes, etag: etag.into() }
    }

    #[tokio::test]
    async fn file_and_object_are_compared_by_size_and_md5() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hello").unwrap();
        let location = Location::Local(file.path().to_owned());
        let local = Entry { location, relative: "a".into(), size_bytes: 5, etag: String::new() };
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
