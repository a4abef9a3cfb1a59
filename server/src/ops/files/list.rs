//! `FileService.List`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Ops;
use crate::ops::files::file_info::FileInfo;
use crate::ops::place::Place;
use crate::ops::reading::Reading;
use lakeport_lakefs::Listed;
use lakeport_types::{Glob, Prefix};

/// Parameters of a listing.
#[derive(Debug, Clone)]
pub struct List {
    /// Prefix of the keys.
    pub prefix: Prefix,
    /// Keys with this delimiter after the prefix are listed as one common prefix. Empty: keys are listed one by one.
    pub delimiter: String,
    /// Pattern that keys must match.
    pub glob: Option<Glob>,
    /// Maximum number of path segments after the prefix, separated by `/`; 0: unlimited.
    pub max_depth: usize,
    /// Maximum number of entries; 0: unlimited.
    pub limit: u64,
    /// The listing starts after this key.
    pub after: String,
}

/// A page of a listing.
#[derive(Debug, Clone)]
pub struct ListPage {
    /// Entries, ordered by key.
    pub entries: Vec<FileInfo>,
    /// The key after which the next page starts; `None` if the listing is complete.
    pub next: Option<String>,
}

/// A listing in progress.
pub struct Listing {
    caller: Caller,
    reading: Reading,
    query: List,
    left: u64,
    is_done: bool,
}

/// Maximum page size of lakeFS.
const PAGE: usize = 1000;

/// Number of entries after which other calls of the same worker run. To match this many with the worst glob takes 5 ms.
const ENTRIES_PER_TURN: usize = 32;

/// Starts a listing.
///
/// # Errors
/// Those of the place. A ref that does not exist is reported with the first page.
pub async fn list(ops: &Ops, caller: &Caller, place: &Place, query: List) -> Result<Listing> {
    let reading = ops.reading(caller, place).await?;
    Ok(Listing::new(caller, reading, query))
}

impl Listing {
    pub(in crate::ops) fn new(caller: &Caller, reading: Reading, query: List) -> Self {
        let left = if query.limit == 0 { u64::MAX } else { query.limit };
        Self { caller: caller.clone(), reading, query, left, is_done: false }
    }

    /// Returns the listed commit, if the request names it by its ID.
    pub fn commit_id(&self) -> Option<String> {
        self.reading.commit.as_ref().map(ToString::to_string)
    }

    /// Returns the next page; `None` after the last one. A page may be empty if none of its keys match.
    ///
    /// # Errors
    /// `RefNotFound`, `RepositoryNotFound`.
    pub async fn next(&mut self, ops: &Ops) -> Result<Option<ListPage>> {
        if self.is_done {
            return Ok(None);
        }
        ops.keep_alive(self.reading.transaction.as_deref()).await?;
        let amount = usize::try_from(self.left).unwrap_or(PAGE).min(PAGE);
        let (repository, reference) = (&self.reading.repository, &self.reading.reference);
        let query = &self.query;
        let listed = self.caller.lakefs.list(
            repository,
            reference,
            query.prefix.as_str(),
            &query.after,
            &query.delimiter,
            if self.has_filter() { PAGE } else { amount },
        );
        let page = match listed.await {
            Ok(page) => page,
            Err(error) => {
                let error = self.caller.explain(ops.missing_ref(&self.reading, error).await).await;
                self.reading = ops.read_on(&self.caller, &self.reading, error).await?;
                return Box::pin(self.next(ops)).await;
            }
        };
        let (mut entries, mut next) = (Vec::new(), page.next);
        for (at, listed) in page.results.into_iter().enumerate() {
            let entry = match listed {
                Listed::Object(stats) => FileInfo::from(stats).at(&self.reading),
                Listed::Prefix(path) => FileInfo::prefix(path),
            };
            if self.matches(&entry) {
                entries.push(entry);
            }
            if at % ENTRIES_PER_TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
        if entries.len() as u64 > self.left {
            entries.truncate(amount);
            next = entries.last().map(|last| last.path.clone());
        }
        self.left -= entries.len() as u64;
        self.is_done = next.is_none() || self.left == 0;
        if let Some(next) = &next {
            self.query.after.clone_from(next);
        }
        Ok(Some(ListPage { entries, next }))
    }

    /// Returns whether entries are filtered after lakeFS lists them.
    fn has_filter(&self) -> bool {
        self.query.glob.is_some() || self.query.max_depth > 0
    }

    fn matches(&self, entry: &FileInfo) -> bool {
        let below = entry.path.strip_prefix(self.query.prefix.as_str()).unwrap_or(&entry.path);
        let depth = below.trim_end_matches('/').matches('/').count() + 1;
        (self.query.max_depth == 0 || depth <= self.query.max_depth)
            && self.query.glob.as_ref().is_none_or(|glob| glob.matches(&entry.path))
    }
}
