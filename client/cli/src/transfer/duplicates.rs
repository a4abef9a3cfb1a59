//! Several sources with the same destination.

use crate::failure::Result;
use crate::globs::Filter;
use crate::session::usage_error;
use crate::sources::{Entry, Source};
use crate::transfer::Job;
use crate::uri::Location;
use futures_util::stream::{self, StreamExt as _};
use std::collections::HashMap;

/// Fails if files or objects of two sources have the same destination: one copy would replace the other. To check all copies before
/// the first one, reads the listings of several sources completely.
pub(crate) async fn without_duplicates(sources: Vec<Source>, to: &Location, filter: &Filter) -> Result<Vec<Source>> {
    if sources.len() < 2 {
        return Ok(sources);
    }
    let (mut checked, mut taken) = (Vec::new(), HashMap::new());
    for Source { itself, entries, is_multiple } in sources {
        // A failed entry is reported when its turn comes.
        let entries: Vec<Result<Entry>> = entries.collect().await;
        for entry in itself.iter().chain(entries.iter().flatten()).filter(|entry| filter.accepts(&entry.relative)) {
            check(entry, to, &mut taken)?;
        }
        checked.push(Source { itself, entries: stream::iter(entries).boxed(), is_multiple });
    }
    Ok(checked)
}

/// Adds the destination of an entry to `taken`. A source that is named twice, and markers of directories, may have the same one.
fn check(entry: &Entry, to: &Location, taken: &mut HashMap<Location, Location>) -> Result<()> {
    let is_marker = entry.is_listed && entry.is_directory_key() && entry.size_bytes == 0;
    // Without a valid destination, the entry is rejected when its turn comes.
    let Some(job) = Job::new(entry.clone(), to, true).ok().filter(|_| !is_marker) else { return Ok(()) };
    match taken.get(&job.to) {
        Some(other) if *other != job.from => usage_error(format!(
            "{other} and {} have the same destination {}: copy them one at a time to different destinations",
            job.from, job.to
        )),
        _ => {
            taken.insert(job.to, job.from);
            Ok(())
        }
    }
}
