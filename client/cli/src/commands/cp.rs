//! `lakeport cp`.

use crate::failure::{Failure, Result};
use crate::globs::Filter;
use crate::session::Session;
use crate::sources::{Source, expand};
use crate::transfer::{self, Job, Options, check_locations, target};
use crate::uri::Location;
use futures_util::future::ready;
use futures_util::stream::{self, StreamExt as _};

#[derive(Debug, clap::Args)]
#[command(
    override_usage = "lakeport cp [OPTIONS] <SOURCE>... <DESTINATION>",
    after_help = "\
The destination is a directory if it ends in /, if there are several sources, or with --recursive or wildcards. With
--recursive, paths below the source are kept: `cp -r dir lakefs://lake/main/a` copies dir/x to a/x. Downloads are atomic: a file
appears when it is complete. Keys that would be written outside of the destination, such as ../x, are rejected."
)]
pub(crate) struct Args {
    /// Sources and the destination: files, directories, lakefs://REPOSITORY/REF/PATH, or - for standard input or output
    #[arg(required = true, num_args = 2.., value_name = "LOCATION")]
    locations: Vec<Location>,
    /// Copy everything below the sources
    #[arg(short, long)]
    recursive: bool,
    /// Do not overwrite: fail for files and objects that exist at the destination
    #[arg(long)]
    no_clobber: bool,
    /// Print what would be copied, and copy nothing
    #[arg(long)]
    dry_run: bool,
    /// MIME type of uploads
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TYPE")]
    content_type: String,
    #[command(flatten)]
    selection: Selection,
}

/// Flags that select objects and set the parallelism.
#[derive(Debug, clap::Args)]
pub(crate) struct Selection {
    /// Select only paths below the source that match; *.csv matches direct children, **/*.csv matches all levels
    #[arg(long, value_name = "GLOB")]
    include: Vec<String>,
    /// Ignore paths below the source that match
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Number of concurrent copies
    #[arg(short, long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..), value_name = "NUMBER")]
    parallelism: u16,
}

impl Selection {
    /// Compiles the patterns. Fails if a pattern is invalid.
    pub(super) fn filter(&self) -> Result<Filter> {
        Filter::new(&self.include, &self.exclude)
    }

    pub(super) fn parallelism(&self) -> usize {
        usize::from(self.parallelism)
    }
}

/// Copies files and objects. If some copies fail, the others still run, and the result is an error.
pub(super) async fn run(session: &mut Session, mut args: Args) -> Result<()> {
    let filter = args.selection.filter()?;
    let to = args.locations.pop().ok_or_else(|| Failure::Usage("the destination is missing".to_owned()))?;
    let has_multiple_sources = args.locations.len() > 1;
    let mut sources = Vec::new();
    for source in &args.locations {
        check_locations(source, &to)?;
        sources.push(expand(&session.client, source, args.recursive).await?);
    }
    let jobs = stream::iter(sources).flat_map(|source| jobs(source, &to, &filter, has_multiple_sources));
    let options = Options {
        parallelism: args.selection.parallelism(),
        create_only: args.no_clobber,
        content_type: args.content_type,
        is_dry_run: args.dry_run,
    };
    transfer::run(session, jobs, &options).await
}

/// Returns a job for each file or object of a source that matches the filter.
fn jobs<'a>(
    source: Source,
    to: &'a Location,
    filter: &'a Filter,
    has_multiple_sources: bool,
) -> stream::BoxStream<'a, Result<Job>> {
    let is_directory = source.is_multiple || has_multiple_sources;
    let selected =
        source.entries.filter(|entry| ready(entry.as_ref().map_or(true, |entry| filter.accepts(&entry.relative))));
    let jobs = selected.map(move |entry| {
        let entry = entry?;
        let to = target(to, &entry.relative, is_directory)?;
        Ok(Job { from: entry.location, to })
    });
    jobs.boxed()
}
