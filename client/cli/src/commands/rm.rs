//! `lakeport rm`.

use crate::confirm::{SafetyFlags, confirm};
use crate::failure::{Context as _, Failure, Result, Tally};
use crate::globs::Pattern;
use crate::session::{Session, usage_error};
use crate::sources::{Entries, matching, not_found, subtree};
use crate::uri::LakeUri;
use crate::views::files::{deleted, deleted_count};
use futures_util::stream::TryStreamExt as _;
use lakeport_client::{Error, ErrorReason, PathFailure, Subtree};

/// Maximum number of paths in one request.
const BATCH: usize = 10_000;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
With --recursive or wildcards, asks for confirmation. Without a terminal, --yes is required.")]
pub(crate) struct Args {
    /// lakefs://REPOSITORY/BRANCH/PATH, or lakefs://REPOSITORY/tx:ID/PATH in a transaction
    #[arg(required = true, value_name = "URI")]
    uris: Vec<LakeUri>,
    /// Delete the object and everything below it
    #[arg(short, long)]
    recursive: bool,
    #[command(flatten)]
    safety: SafetyFlags,
    /// Do not fail if an object does not exist
    #[arg(long)]
    allow_missing: bool,
}

/// Deletes objects. Fails if an object does not exist (without `--allow-missing`) or could not be deleted.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let mut tally = Tally::default();
    for uri in &args.uris {
        if let Err(failure) = remove(session, uri, &args, &mut tally).await {
            tally.add(failure)?;
        }
    }
    tally.finish()
}

/// Deletes the objects of one argument. The server can delete a subtree with one request. For other selections, the command lists the
/// objects first.
async fn remove(session: &mut Session, uri: &LakeUri, args: &Args, tally: &mut Tally) -> Result<()> {
    let pattern = Pattern::of(&uri.path)?;
    let is_multiple = args.recursive || pattern.is_some();
    if is_multiple && !args.safety.dry_run {
        confirm(format!("Delete all objects of {uri}?"), args.safety.yes).await?;
    }
    match pattern {
        Some(pattern) => {
            let entries = matching(&session.client, uri, pattern).await?;
            remove_entries(session, uri, entries, args, tally).await
        }
        None if uri.path.is_empty() && !args.recursive => {
            usage_error(format!("{uri} has no path: use --recursive to delete all objects"))
        }
        None if uri.path.is_empty() || (args.recursive && args.safety.dry_run) => {
            let entries = subtree(&session.client, uri).await?;
            remove_entries(session, uri, entries, args, tally).await
        }
        None => remove_subtree(session, uri, args, tally).await,
    }
}

/// Deletes an object or a subtree with one request.
async fn remove_subtree(session: &mut Session, uri: &LakeUri, args: &Args, tally: &mut Tally) -> Result<()> {
    if args.safety.dry_run {
        session.client.stat(&uri.place(), &uri.path).await.with_context(|| format!("get {uri}"))?;
        return session.out.report(&deleted(&uri.to_string(), true));
    }
    let what = Subtree { path: uri.path.clone(), recursive: args.recursive };
    let deleted = session.client.delete(&uri.place(), what, args.allow_missing).await;
    if matches!(deleted, Ok(0)) && !args.allow_missing {
        return Err(not_found(uri));
    }
    let count = count_deleted(uri, deleted, tally)?;
    session.out.report(&deleted_count(&uri.to_string(), count))
}

/// Deletes listed objects in batches.
async fn remove_entries(
    session: &mut Session,
    uri: &LakeUri,
    entries: Entries,
    args: &Args,
    tally: &mut Tally,
) -> Result<()> {
    let mut batches = entries.try_chunks(BATCH);
    let (mut listed, mut count) = (0, 0);
    while let Some(batch) = batches.try_next().await.map_err(|error| error.1)? {
        listed += batch.len();
        if args.safety.dry_run {
            for entry in &batch {
                session.out.report(&deleted(&entry.location.to_string(), true))?;
            }
            continue;
        }
        let paths = batch.into_iter().filter_map(|entry| entry.location.into_path()).collect();
        count += count_deleted(uri, session.client.delete_paths(&uri.place(), paths, true).await, tally)?;
    }
    match (listed, args.safety.dry_run) {
        (0, _) if !args.allow_missing => Err(not_found(uri)),
        (_, true) => Ok(()),
        _ => session.out.report(&deleted_count(&uri.to_string(), count)),
    }
}

/// Returns the number of deleted paths. Reports the paths that could not be deleted.
pub(super) fn count_deleted(uri: &LakeUri, deleted: Result<i64, Error>, tally: &mut Tally) -> Result<i64> {
    let error = match deleted {
        Err(error) if error.reason() == Some(ErrorReason::PartialFailure) => error,
        other => return other.with_context(|| format!("delete {uri}")),
    };
    let succeeded = error.metadata().get("succeeded").and_then(|count| count.parse().ok());
    for PathFailure { path, error } in error.into_failures() {
        let path = uri.with_path(path);
        tally.add(Failure::Server { what: format!("delete {path}"), error: Box::new(error) })?;
    }
    Ok(succeeded.unwrap_or_default())
}
