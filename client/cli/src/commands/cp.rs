//! `cp`.

use crate::failure::{Failure, Result};
use crate::globs::Filter;
use crate::session::Session;
use crate::sources::{Source, find};
use crate::transfer::{self, Job, Options, check_ends, target};
use crate::uri::Location;
use futures_util::future::ready;
use futures_util::stream::{self, StreamExt as _};

/// Flags.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "lakeport cp [OPTIONS] <SOURCE>... <DESTINATION>",
    after_help = "\
A destination is a directory if it ends in /, if there are several sources, or with --recursive or wildcards. With
--recursive, what is below the source comes to be below the destination: `cp -r dir lakefs://lake/main/a` makes a/x of dir/x.
A download appears when it is whole. Keys that would be written outside of the destination, such as ../x, are refused."
)]
pub(crate) struct Args {
    /// Sources, then the destination: files, directories, lakefs://REPOSITORY/REF/PATH, or - for standard input or output
    #[arg(required = true, num_args = 2.., value_name = "END")]
    ends: Vec<Location>,
    /// Copy all that is below the sources
    #[arg(short, long)]
    recursive: bool,
    /// Copy only what is not there; what is there is a failure
    #[arg(long)]
    no_clobber: bool,
    /// Say what would be copied, and copy nothing
    #[arg(long)]
    dry_run: bool,
    /// MIME type of uploads
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TYPE")]
    content_type: String,
    #[command(flatten)]
    choice: Choice,
}

/// Which objects, and how many at once.
#[derive(Debug, clap::Args)]
pub(crate) struct Choice {
    /// Only paths below the source that match; *.csv is those next to it, **/*.csv all
    #[arg(long, value_name = "GLOB")]
    include: Vec<String>,
    /// No paths below the source that match
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Copies at once
    #[arg(short, long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..), value_name = "NUMBER")]
    parallelism: u16,
}

impl Choice {
    /// Which objects.
    ///
    /// # Errors
    /// When a pattern is broken.
    pub(super) fn filter(&self) -> Result<Filter> {
        Filter::new(&self.include, &self.exclude)
    }

    /// How many at once.
    pub(super) fn parallelism(&self) -> usize {
        usize::from(self.parallelism)
    }
}

/// Copies.
///
/// # Errors
/// When something could not be copied; the rest is.
pub(super) async fn run(session: &mut Session, mut args: Args) -> Result<()> {
    let filter = args.choice.filter()?;
    let to = args.ends.pop().ok_or_else(|| Failure::Usage("the destination is missing".to_owned()))?;
    let has_many_sources = args.ends.len() > 1;
    let mut found = Vec::new();
    for source in &args.ends {
        check_ends(source, &to)?;
        found.push(find(&session.client, source, args.recursive).await?);
    }
    let jobs = stream::iter(found).flat_map(|source| jobs(source, &to, &filter, has_many_sources));
    let options = Options {
        parallelism: args.choice.parallelism(),
        create_only: args.no_clobber,
        content_type: args.content_type,
        is_dry_run: args.dry_run,
    };
    transfer::run(session, jobs, &options).await
}

/// A job for each thing that a source stands for and the filter takes.
fn jobs<'a>(
    source: Source,
    to: &'a Location,
    filter: &'a Filter,
    has_many_sources: bool,
) -> stream::BoxStream<'a, Result<Job>> {
    let is_directory = source.is_many || has_many_sources;
    let taken = source.finds.filter(|found| ready(found.as_ref().map_or(true, |found| filter.takes(&found.relative))));
    let jobs = taken.map(move |found| {
        let found = found?;
        let to = target(to, &found.relative, is_directory)?;
        Ok(Job { from: found.location, to })
    });
    jobs.boxed()
}
