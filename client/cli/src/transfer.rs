//! Copies between local files and repositories.

mod conflicts;
mod copier;
mod duplicates;
mod large_file;
mod overlap;
mod target;

use crate::failure::{Failure, Result, Tally};
use crate::local::is_directory_path;
use crate::output::Record;
use crate::progress::Progress;
use crate::session::Session;
use crate::sources::Entry;
use crate::uri::Location;
use crate::views::files::transferred;
use futures_util::stream::{Stream, StreamExt as _};
use std::pin::pin;

pub(crate) use conflicts::reject_conflicts;
pub(crate) use copier::{Copier, print_object};
pub(crate) use duplicates::without_duplicates;
pub(crate) use large_file::LargeFiles;
pub(crate) use overlap::{check_trees, without_overlap};
pub(crate) use target::{check_locations, target};

/// One object or file to copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) from: Location,
    /// A local path that ends in a separator is that of a directory, for which `from` is an empty marker object.
    pub(crate) to: Location,
    /// Whether a listing found the source. In that case the job skips a local file that it cannot open.
    pub(crate) is_listed: bool,
}

/// Options of a copy.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Number of concurrent copies.
    pub(crate) parallelism: usize,
    /// Fail if the destination exists.
    pub(crate) create_only: bool,
    /// MIME type of uploads. Empty: the server guesses it from the file extension.
    pub(crate) content_type: String,
    /// Print the copies without performing them.
    pub(crate) is_dry_run: bool,
    /// How to upload large files.
    pub(crate) large_files: LargeFiles,
    /// ID of the upload to resume. Empty: none. Only with one local file.
    pub(crate) resume_id: String,
}

/// Runs all jobs, and prints each finished one. A failed job does not stop the others; `tally` receives its failure.
///
/// # Errors
/// A fatal failure, after which no job can succeed.
pub(crate) async fn run(
    session: &mut Session,
    jobs: impl Stream<Item = Result<Job>>,
    options: &Options,
    tally: &mut Tally,
) -> Result<()> {
    let progress = Progress::new(session.shows_progress && !options.is_dry_run);
    let copier = Copier::new(session.client.clone(), progress.clone(), options);
    let done = jobs.map(|job| async {
        let job = job?;
        if !options.is_dry_run {
            copier.run(&job).await?;
        }
        Ok(job)
    });
    let mut done = pin!(done.buffer_unordered(options.parallelism));
    while let Some(result) = done.next().await {
        progress.suspend(|| match result {
            Ok(job) => job.view(options.is_dry_run).map_or(Ok(()), |record| session.out.report(&record)),
            Err(failure) => tally.add(failure),
        })?;
    }
    progress.finish();
    Ok(())
}

/// Returns whether a path is that of a directory in lakeFS.
fn is_prefix(path: &str) -> bool {
    path.is_empty() || path.ends_with('/')
}

impl Job {
    /// Creates the job that copies an entry to `to`, or below it if `to` is a directory.
    ///
    /// # Errors
    /// The entry has no valid destination; see [`target()`].
    pub(crate) fn new(entry: Entry, to: &Location, is_directory: bool) -> Result<Self> {
        let to = target(to, &entry.relative, is_directory)?;
        let Entry { location: from, size_bytes, is_listed, .. } = entry;
        match &to {
            Location::Lake(uri) if !matches!(from, Location::Lake(_)) && is_prefix(&uri.path) => {
                let why = if from == Location::Stdio { "standard input has no name" } else { "its name is not UTF-8" };
                Err(Failure::Usage(format!("cannot copy {from} to {to}: {why}, so write the full key of the object")))
            }
            Location::Local(path) if is_directory_path(path) && !is_listed => {
                let advice = "use --recursive to copy all objects below it, or write the full path of the file";
                Err(Failure::Usage(format!("{from} has no file name: {advice}")))
            }
            Location::Local(path) if is_directory_path(path) && size_bytes > 0 => {
                let why = "its key ends in / like that of a directory, but the object is not empty";
                Err(Failure::Refused(format!("cannot write {from} to a local file: {why}")))
            }
            _ => Ok(Self { from, to, is_listed }),
        }
    }

    /// Returns the record to print. `None` if the content itself goes to standard output.
    fn view(&self, is_dry_run: bool) -> Option<Record> {
        let is_silent = self.to == Location::Stdio && !is_dry_run;
        (!is_silent).then(|| transferred("copy", &self.from.to_string(), &self.to.to_string(), is_dry_run))
    }
}
