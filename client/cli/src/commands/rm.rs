//! `rm`.

use crate::confirm::{Care, confirm};
use crate::failure::{Result, Tally, While as _};
use crate::globs::Pattern;
use crate::session::{Session, usage};
use crate::sources::{Finds, Found, below, matching, nothing_there};
use crate::uri::{LakeUri, Location};
use crate::views::files::{deleted, deleted_count};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use lakeport_client::{Code, Deleted, Subtree};

/// What one call may delete.
const BATCH: usize = 10_000;

/// Flags.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
With --recursive, and with wildcards, it asks before it deletes; where there is nobody to ask, --yes has to be said.")]
pub(crate) struct Args {
    /// lakefs://REPOSITORY/BRANCH/PATH, or in a transaction
    #[arg(required = true, value_name = "URI")]
    uris: Vec<LakeUri>,
    /// Delete the object and all that is below it
    #[arg(short, long)]
    recursive: bool,
    #[command(flatten)]
    care: Care,
    /// What is not there is as good as deleted
    #[arg(long)]
    allow_missing: bool,
}

/// Deletes.
///
/// # Errors
/// When something could not be deleted, or was not there.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let mut tally = Tally::default();
    for uri in &args.uris {
        if let Err(failure) = remove(session, uri, &args, &mut tally).await {
            tally.add(failure)?;
        }
    }
    tally.finish()
}

/// One of the arguments. The server deletes subtrees by itself; what it has no call for is listed here first.
async fn remove(session: &mut Session, uri: &LakeUri, args: &Args, tally: &mut Tally) -> Result<()> {
    let pattern = Pattern::of(&uri.path)?;
    let is_many = args.recursive || pattern.is_some();
    if is_many && !args.care.dry_run {
        confirm(format!("Delete all objects of {uri}?"), args.care.yes).await?;
    }
    match pattern {
        Some(pattern) => {
            let finds = matching(&session.client, uri, pattern).await?;
            remove_finds(session, uri, finds, args, tally).await
        }
        None if uri.path.is_empty() && !args.recursive => usage(format!("{uri} is a whole version: say --recursive")),
        None if uri.path.is_empty() || (args.recursive && args.care.dry_run) => {
            let finds = subtree(session, uri).await?;
            remove_finds(session, uri, finds, args, tally).await
        }
        None => remove_subtree(session, uri, args, tally).await,
    }
}

/// The object itself, if it is one, and all below it: what a recursive delete takes.
async fn subtree(session: &Session, uri: &LakeUri) -> Result<Finds> {
    let finds = below(&session.client, uri).await?;
    if uri.path.is_empty() || uri.path.ends_with('/') {
        return Ok(finds);
    }
    let itself = match session.client.stat(&uri.place(), &uri.path).await {
        Err(error) if error.code() == Code::NotFound => None,
        info => Some(info.during(|| format!("look at {uri}"))?),
    };
    let itself = itself.map(|info| Found {
        location: Location::Lake(uri.clone()),
        relative: String::new(),
        size_bytes: info.size_bytes.try_into().unwrap_or_default(),
        etag: info.etag,
    });
    Ok(stream::iter(itself.map(Ok)).chain(finds).boxed())
}

/// By one call.
async fn remove_subtree(session: &mut Session, uri: &LakeUri, args: &Args, tally: &mut Tally) -> Result<()> {
    if args.care.dry_run {
        session.client.stat(&uri.place(), &uri.path).await.during(|| format!("look at {uri}"))?;
        return session.out.report(&deleted(&uri.to_string(), true));
    }
    let what = Subtree { path: uri.path.clone(), recursive: args.recursive };
    let done =
        session.client.delete(&uri.place(), what, args.allow_missing).await.during(|| format!("delete {uri}"))?;
    if done.count == 0 && done.failures.is_empty() && !args.allow_missing {
        return Err(nothing_there(uri));
    }
    let count = report(uri, done, tally)?;
    session.out.report(&deleted_count(&uri.to_string(), count))
}

/// By a list of paths.
async fn remove_finds(
    session: &mut Session,
    uri: &LakeUri,
    finds: Finds,
    args: &Args,
    tally: &mut Tally,
) -> Result<()> {
    let mut batches = finds.try_chunks(BATCH);
    let (mut found, mut count) = (0, 0);
    while let Some(batch) = batches.try_next().await.map_err(|error| error.1)? {
        found += batch.len();
        if args.care.dry_run {
            for find in &batch {
                session.out.report(&deleted(&find.location.to_string(), true))?;
            }
            continue;
        }
        let paths = batch.into_iter().filter_map(|found| found.location.into_path()).collect();
        let done = session.client.delete_paths(&uri.place(), paths).await.during(|| format!("delete {uri}"))?;
        count += report(uri, done, tally)?;
    }
    match (found, args.care.dry_run) {
        (0, _) if !args.allow_missing => Err(nothing_there(uri)),
        (_, true) => Ok(()),
        _ => session.out.report(&deleted_count(&uri.to_string(), count)),
    }
}

/// Reports what could not be deleted; returns how many were.
fn report(uri: &LakeUri, done: Deleted, tally: &mut Tally) -> Result<i64> {
    for failure in done.failures {
        let path = uri.with_path(failure.path);
        if let Err(failure) = failure.error.map_or(Ok(()), Err).during(|| format!("delete {path}")) {
            tally.add(failure)?;
        }
    }
    Ok(done.count)
}
