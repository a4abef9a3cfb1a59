//! Moving bytes between here and lakes.

mod mover;
mod target;

use crate::failure::{Result, Tally};
use crate::output::Record;
use crate::progress::Progress;
use crate::session::Session;
use crate::uri::Location;
use crate::views::files::transferred;
use futures_util::stream::{Stream, StreamExt as _};
use std::pin::pin;

pub(crate) use mover::{Mover, print};
pub(crate) use target::{check_ends, target};

/// One object or file to copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    /// What to copy.
    pub(crate) from: Location,
    /// What it becomes.
    pub(crate) to: Location,
}

/// How to copy.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// How many at once.
    pub(crate) parallelism: usize,
    /// Only where nothing is.
    pub(crate) create_only: bool,
    /// Of uploads; empty for `application/octet-stream`.
    pub(crate) content_type: String,
    /// Only say what would be done.
    pub(crate) is_dry_run: bool,
}

/// Does all jobs, and prints each when it is done. One that fails does not keep the others from being done.
///
/// # Errors
/// When one failed.
pub(crate) async fn run(session: &mut Session, jobs: impl Stream<Item = Result<Job>>, options: &Options) -> Result<()> {
    let progress = Progress::new(session.shows_progress && !options.is_dry_run);
    let mover = Mover::new(session.client.clone(), progress.clone(), options);
    let done = jobs.map(|job| async {
        let job = job?;
        if !options.is_dry_run {
            mover.run(&job).await?;
        }
        Ok(job)
    });
    let mut done = pin!(done.buffer_unordered(options.parallelism));
    let mut tally = Tally::default();
    while let Some(result) = done.next().await {
        progress.aside(|| match result {
            Ok(job) => job.view(options.is_dry_run).map_or(Ok(()), |record| session.out.report(&record)),
            Err(failure) => tally.add(failure),
        })?;
    }
    progress.finish();
    tally.finish()
}

impl Job {
    /// Nothing is said where the bytes themselves go to standard output.
    fn view(&self, is_dry_run: bool) -> Option<Record> {
        let is_silent = self.to == Location::Stdio && !is_dry_run;
        (!is_silent).then(|| transferred("copy", &self.from.to_string(), &self.to.to_string(), is_dry_run))
    }
}
