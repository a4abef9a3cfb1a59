//! `lakeport cp`.

use crate::failure::{Failure, Result, Tally};
use crate::globs::Filter;
use crate::local::Links;
use crate::session::{Session, usage_error};
use crate::sources::{Entry, Selected, Source, expand};
use crate::transfer::{
    self, Job, LargeFiles, Options, check_locations, reject_conflicts, without_duplicates, without_overlap,
};
use crate::uri::Location;
use crate::values::parse_content_type;
use clap::builder::NonEmptyStringValueParser;
use futures_util::future::ready;
use futures_util::stream::{self, StreamExt as _};

/// Default number of concurrent copies.
const COPIES: usize = 16;
/// Default number of concurrent parts of a large file.
const PARTS: usize = 4;

#[derive(Debug, clap::Args)]
#[command(
    override_usage = "lakeport cp [OPTIONS] <SOURCE>... <DESTINATION>",
    after_help = "\
The destination is a directory if it ends in /, if there are several sources, or with --recursive or wildcards. With
--recursive, paths below the source are kept: `cp -r dir lakefs://lake/main/a` copies dir/x to a/x. If the source is an object, too,
it is copied as without --recursive.

cp skips files that it cannot upload, such as a dangling link, a pipe below a directory, or a name that is not UTF-8. It also skips
keys that cannot be local files, such as ../x. It copies the others, lists the skipped ones on standard error, and exits with 1.

Downloads are atomic: a file appears when it is complete, and keeps the mode of the file that it replaces. cp follows a symbolic
link at the destination, and writes into a pipe or device. An empty object whose key ends in / becomes a directory.

cp copies nothing if files or objects of several sources have the same destination, or if a source in the same branch or transaction
contains a destination.

A local file of more than 1 GiB is uploaded in parts. If such an upload is interrupted, cp prints the command that resumes it. The
parts are kept for 24 hours after the last part, and at most for 7 days. `lakeport tx ls --label upload-path=PATH` also lists the ID."
)]
pub(crate) struct Args {
    /// Sources and the destination: files, directories, lakefs://REPOSITORY/REF/PATH, or - for standard input or output
    #[arg(required = true, num_args = 2.., value_name = "LOCATION")]
    locations: Vec<Location>,
    /// Copy the objects at the source paths, and everything below the sources
    #[arg(short, long)]
    recursive: bool,
    /// Do not overwrite: fail for files and objects that exist at the destination
    #[arg(long)]
    no_clobber: bool,
    /// Print what would be copied, and copy nothing
    #[arg(long)]
    dry_run: bool,
    /// Resume the upload with this ID: one file, with the same destination, that has not changed
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new(), conflicts_with_all = ["recursive", "dry_run", "include", "exclude"])]
    resume: Option<String>,
    #[command(flatten)]
    selection: Selection,
}

/// Flags that select objects and set the parallelism.
#[derive(Debug, clap::Args)]
pub(crate) struct Selection {
    /// Select only paths below the source that match; *.csv matches direct children, **/*.csv matches all levels
    #[arg(long, value_name = "GLOB")]
    include: Vec<String>,
    /// Ignore paths below the source that match; dir/** ignores all files of a directory
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Number of concurrent copies, and of concurrent parts of each file of more than 1 GiB [default: 16 copies, 4 parts]
    #[arg(short, long, value_parser = clap::value_parser!(u16).range(1..), value_name = "NUMBER")]
    parallelism: Option<u16>,
    #[command(flatten)]
    links: LinkFlags,
    /// MIME type of the copies in lakeFS; by default, uploads get a type by file extension, and copies of objects keep their type
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TYPE", value_parser = parse_content_type)]
    content_type: String,
    #[command(flatten)]
    large_files: LargeFiles,
}

/// Flags for symbolic links. The last flag wins.
#[derive(Debug, clap::Args)]
struct LinkFlags {
    /// Upload the targets of symbolic links below a directory; the default
    #[arg(long = "follow-symlinks", overrides_with = "skip")]
    _follow: bool,
    /// Skip symbolic links below a directory
    #[arg(long = "no-follow-symlinks", overrides_with = "_follow")]
    skip: bool,
}

impl Selection {
    /// Compiles the patterns. Fails if a pattern is invalid.
    pub(super) fn filter(&self) -> Result<Filter> {
        Filter::new(&self.include, &self.exclude)
    }

    /// Returns whether to follow symbolic links below a source directory.
    pub(super) fn links(&self) -> Links {
        if self.links.skip { Links::Skip } else { Links::Follow }
    }

    /// Returns the MIME type of copies to `to`; empty if it is not set.
    ///
    /// # Errors
    /// The type is set, and `to` is not in lakeFS.
    pub(super) fn content_type(&self, to: &Location) -> Result<String> {
        match to {
            Location::Lake(_) => Ok(self.content_type.clone()),
            _ if self.content_type.is_empty() => Ok(String::new()),
            _ => usage_error(format!("--content-type needs a lakefs:// destination, and {to} is not one")),
        }
    }

    /// Returns the number of concurrent copies.
    pub(super) fn parallelism(&self) -> usize {
        self.parallelism.map_or(COPIES, usize::from)
    }

    /// Returns how to upload large files.
    pub(super) fn large_files(&self) -> LargeFiles {
        self.large_files.clone().with_parallelism(self.parallelism.map_or(PARTS, usize::from))
    }
}

/// Copies files and objects. If some copies fail, the others still run, and the result is an error.
pub(super) async fn run(session: &mut Session, mut args: Args) -> Result<()> {
    let filter = args.selection.filter()?;
    let to = args.locations.pop().ok_or_else(|| Failure::Usage("the destination is missing".to_owned()))?;
    let to = to.into_destination();
    let content_type = args.selection.content_type(&to)?;
    if args.resume.is_some() {
        check_resume(&args.locations, &to)?;
    }
    let has_multiple_sources = args.locations.len() > 1;
    check_stdout(&to, has_multiple_sources)?;
    let selected = Selected { filter: &filter, links: args.selection.links(), is_recursive: args.recursive };
    let mut sources = Vec::new();
    for source in &args.locations {
        check_locations(source, &to)?;
        sources.push(match selected_source(session, source, &to, selected).await {
            Err(failure @ Failure::Usage(_)) => return Err(failure),
            Err(failure) => Source::failed(failure),
            Ok(source) => source,
        });
    }
    let sources = without_duplicates(sources, &to, &filter).await?;
    let jobs = stream::iter(sources).flat_map(|source| jobs(source, &to, &filter, has_multiple_sources));
    let options = Options {
        parallelism: args.selection.parallelism(),
        create_only: args.no_clobber,
        content_type,
        is_dry_run: args.dry_run,
        large_files: args.selection.large_files(),
        resume_id: args.resume.unwrap_or_default(),
    };
    let mut tally = Tally::default();
    transfer::run(session, jobs, &options, &mut tally).await?;
    tally.finish()
}

async fn selected_source(session: &Session, from: &Location, to: &Location, selected: Selected<'_>) -> Result<Source> {
    let source = expand(&session.client, from, selected).await?;
    check_stdout(to, source.is_multiple)?;
    without_overlap(source, from, to, selected.filter).await
}

/// Fails before the first copy if several objects would be written to standard output.
fn check_stdout(to: &Location, is_multiple: bool) -> Result<()> {
    match (to, is_multiple) {
        (Location::Stdio, true) => {
            usage_error("cannot write several objects to standard output: name one object, or use cat")
        }
        _ => Ok(()),
    }
}

/// Fails unless one local file is uploaded.
fn check_resume(sources: &[Location], to: &Location) -> Result<()> {
    match (sources, to) {
        ([Location::Local(path)], Location::Lake(_)) if !path.is_dir() => Ok(()),
        _ => usage_error("--resume needs one local file and one lakefs:// destination"),
    }
}

/// Returns a job for each file or object of a source that matches the filter.
fn jobs<'a>(
    source: Source,
    to: &'a Location,
    filter: &'a Filter,
    has_multiple_sources: bool,
) -> stream::BoxStream<'a, Result<Job>> {
    let Source { itself, entries, is_multiple } = source;
    let accepts = |entry: &Result<Entry>| entry.as_ref().map_or(true, |entry| filter.accepts(&entry.relative));
    let entries = entries.filter(move |entry| ready(accepts(entry)));
    let is_local = matches!(to, Location::Local(_));
    let entries = if is_local { reject_conflicts(entries.boxed()) } else { entries.boxed() };
    let itself = itself.map(Ok).filter(accepts);
    let itself = itself.map(|entry| Job::new(entry?, to, has_multiple_sources || is_local));
    let taken = itself.as_ref().and_then(|job| job.as_ref().ok()).map(|job| job.to.clone());
    let jobs = entries.map(move |entry| {
        let job = Job::new(entry?, to, is_multiple || has_multiple_sources)?;
        match taken.as_ref() == Some(&job.to) {
            true => Err(Failure::Refused(format!("cannot copy {}: another object is copied to {}", job.from, job.to))),
            false => Ok(job),
        }
    });
    stream::iter(itself).chain(jobs).boxed()
}
