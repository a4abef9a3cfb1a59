//! `sync`.

use super::cp::Choice;
use crate::failure::{Failure, Result, Tally, While as _};
use crate::globs::Filter;
use crate::session::{Session, usage};
use crate::sources::{Found, below, below_local, nothing_there};
use crate::transfer::{self, Job, Options, check_ends, target};
use crate::uri::Location;
use crate::views::files::deleted;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use lakeport_client::Client;
use md5::{Digest as _, Md5};
use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::Path;

/// What one call may delete.
const BATCH: usize = 10_000;
/// Files that are hashed at once.
const HASHES: usize = 4;

/// Flags.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Files and objects are equal if they have the same size and the same MD5 or etag. One whose etag is no MD5 is copied again.
What is only at the destination stays, unless --delete is said; it is deleted last, and only if nothing failed.")]
pub(crate) struct Args {
    /// A directory, or lakefs://REPOSITORY/REF/PREFIX
    source: Location,
    /// A directory, or lakefs://REPOSITORY/BRANCH/PREFIX
    destination: Location,
    /// Delete what is only at the destination
    #[arg(long)]
    delete: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    choice: Choice,
}

/// By their paths below a directory or prefix.
type Tree = BTreeMap<String, Found>;

/// Makes the destination equal to the source.
///
/// # Errors
/// When something could not be copied or deleted.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let filter = args.choice.filter()?;
    check_ends(&args.source, &args.destination)?;
    let source = tree(&session.client, &args.source, &filter, false).await?;
    if source.is_empty() {
        // A mistyped source must not empty the destination.
        return Err(nothing_there(&args.source));
    }
    let destination = tree(&session.client, &args.destination, &filter, true).await?;
    let extra: Vec<Found> =
        destination.values().filter(|found| !source.contains_key(&found.relative)).cloned().collect();
    let options = Options {
        parallelism: args.choice.parallelism(),
        create_only: false,
        content_type: String::new(),
        is_dry_run: args.dry_run,
    };
    let jobs = stream::iter(source.into_values())
        .map(|found| job(found, &destination, &args.destination))
        .buffered(HASHES)
        .filter_map(|job| std::future::ready(job.transpose()));
    transfer::run(session, jobs, &options).await?;
    match args.delete {
        true => remove(session, &args.destination, extra, args.dry_run).await,
        false => Ok(()),
    }
}

/// What is there; nothing where a destination does not exist yet.
async fn tree(client: &Client, root: &Location, filter: &Filter, is_destination: bool) -> Result<Tree> {
    let finds: Vec<Found> = match root {
        Location::Stdio => return usage("sync works on directories: - is none"),
        Location::Lake(uri) => below(client, uri).await?.try_collect().await?,
        Location::Local(path) if is_destination && !path.exists() => Vec::new(),
        Location::Local(path) => below_local(path)?,
    };
    let taken = finds.into_iter().filter(|found| filter.takes(&found.relative));
    Ok(taken.map(|found| (found.relative.clone(), found)).collect())
}

/// What has to be copied, if anything.
async fn job(found: Found, destination: &Tree, to: &Location) -> Result<Option<Job>> {
    let is_there = match destination.get(&found.relative) {
        Some(other) => is_equal(&found, other).await?,
        None => false,
    };
    if is_there {
        return Ok(None);
    }
    let to = target(to, &found.relative, true)?;
    Ok(Some(Job { from: found.location, to }))
}

async fn is_equal(one: &Found, other: &Found) -> Result<bool> {
    if one.size_bytes != other.size_bytes {
        return Ok(false);
    }
    match (&one.location, &other.location) {
        (Location::Local(path), _) => has_md5(path, &other.etag).await,
        (_, Location::Local(path)) => has_md5(path, &one.etag).await,
        _ => Ok(!one.etag.is_empty() && one.etag == other.etag),
    }
}

/// Whether a file has this MD5; never, where the etag is none.
async fn has_md5(path: &Path, etag: &str) -> Result<bool> {
    let Ok(expected) = hex::decode(etag) else { return Ok(false) };
    if expected.len() != 16 {
        return Ok(false);
    }
    let path = path.to_owned();
    let what = format!("read {}", path.display());
    let sum = tokio::task::spawn_blocking(move || md5_of(&path)).await.map_err(io::Error::other);
    Ok(sum.flatten().during(|| what)? == expected)
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

/// Deletes what is only at the destination.
async fn remove(session: &mut Session, destination: &Location, extra: Vec<Found>, is_dry_run: bool) -> Result<()> {
    let mut tally = Tally::default();
    for batch in extra.chunks(BATCH) {
        if !is_dry_run {
            remove_batch(&session.client, destination, batch, &mut tally).await?;
        }
        for found in batch.iter().filter(|_| tally.is_clean()) {
            session.out.report(&deleted(&found.location.to_string(), is_dry_run))?;
        }
    }
    tally.finish()
}

async fn remove_batch(client: &Client, destination: &Location, batch: &[Found], tally: &mut Tally) -> Result<()> {
    let Location::Lake(uri) = destination else { return remove_files(batch, tally) };
    let paths = batch.iter().filter_map(|found| found.location.clone().into_path()).collect();
    let done = client.delete_paths(&uri.place(), paths).await.during(|| format!("delete below {uri}"))?;
    for outcome in done.failures {
        let path = uri.with_path(outcome.path);
        if let Err(failure) = outcome.error.map_or(Ok(()), Err).during(|| format!("delete {path}")) {
            tally.add(failure)?;
        }
    }
    Ok(())
}

fn remove_files(batch: &[Found], tally: &mut Tally) -> Result<()> {
    for found in batch {
        let Location::Local(path) = &found.location else { continue };
        let removed: Result<(), Failure> = std::fs::remove_file(path).during(|| format!("delete {}", path.display()));
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

    fn object(size_bytes: u64, etag: &str) -> Found {
        let uri: LakeUri = "lakefs://r/main/a".parse().unwrap();
        Found { location: Location::Lake(uri), relative: "a".into(), size_bytes, etag: etag.into() }
    }

    #[tokio::test]
    async fn a_file_is_compared_by_size_and_md5() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hello").unwrap();
        let location = Location::Local(file.path().to_owned());
        let local = Found { location, relative: "a".into(), size_bytes: 5, etag: String::new() };
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
    async fn objects_are_compared_by_size_and_etag() {
        assert!(is_equal(&object(5, "x"), &object(5, "x")).await.unwrap());
        assert!(!is_equal(&object(5, "x"), &object(5, "y")).await.unwrap());
        assert!(!is_equal(&object(5, ""), &object(5, "")).await.unwrap());
    }

    #[tokio::test]
    async fn only_what_differs_is_copied() {
        let to: Location = "lakefs://r/copy/".parse().unwrap();
        let there = Tree::from([("a".to_owned(), object(5, "x"))]);
        assert_eq!(job(object(5, "x"), &there, &to).await.unwrap(), None);
        let job = job(object(5, "y"), &there, &to).await.unwrap().unwrap();
        assert_eq!(job.to.to_string(), "lakefs://r/copy/a");
    }
}
