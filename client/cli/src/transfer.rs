//! Copies between local files and repositories.

mod copier;
mod large_file;
mod target;

use crate::failure::{Result, Tally};
use crate::output::Record;
use crate::progress::Progress;
use crate::session::Session;
use crate::uri::Location;
use crate::views::files::transferred;
use futures_util::stream::{Stream, StreamExt as _};
use std::pin::pin;

pub(crate) use copier::{Copier, print_object};
pub(crate) use large_file::LargeFiles;
pub(crate) use target::{check_locations, target};

/// One object or file to copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) from: Location,
    pub(crate) to: Location,
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

/// Runs all jobs, and prints each finished one. A failed job does not stop the others, but the result is an error.
pub(crate) async fn run(session: &mut Session, jobs: impl Stream<Item = Result<Job>>, options: &Options) -> Result<()> {
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
    let mut tally = Tally::default();
    while let Some(result) = done.next().await {
        progress.suspend(|| match result {
            Ok(job) => job.view(options.is_dry_run).map_or(Ok(()), |record| session.out.report(&record)),
            Err(failure) => tally.add(failure),
        })?;
    }
    progress.finish();
    tally.finish()
}

impl Job {
    /// Returns the record to print. `None` if the content itself goes to standard output.
    fn view(&self, is_dry_run: bool) -> Option<Record> {
        let is_silent = self.to == Location::Stdio && !is_dry_run;
        (!is_silent).then(|| transferred("copy", &self.from.to_string(), &self.to.to_string(), is_dry_run))
    }
}
