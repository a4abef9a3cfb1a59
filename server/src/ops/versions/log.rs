//! `VersionService.Log`.

use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::ops::context::Ops;
use crate::ops::errors::no_ref;
use crate::ops::place::Place;
use crate::ops::reading::Reading;
use lakeport_lakefs::{self as lakefs, Commit, LogQuery};
use lakeport_types::Ref;

/// Selection of commits.
#[derive(Debug, Clone, Default)]
pub struct LogTarget {
    /// Maximum number of commits. 0: all.
    pub limit: u64,
    /// Follow only first parents.
    pub first_parent: bool,
    /// Only commits that changed one of these.
    pub paths: Vec<String>,
    /// Only commits that changed something below one of these.
    pub prefixes: Vec<String>,
    /// Only commits of this time or later, in Unix seconds.
    pub since: Option<i64>,
    /// The last commit of the selection.
    pub stop_at: Option<Ref>,
}

/// Maximum page size of lakeFS.
const PAGE: usize = 1000;

/// A history that is being read.
pub struct History {
    caller: Caller,
    reading: Reading,
    query: LogQuery,
    left: u64,
    is_done: bool,
}

/// Starts to read a history, newest commit first.
///
/// # Errors
/// Those of the place.
pub async fn log(ops: &Ops, caller: &Caller, place: &Place, target: LogTarget) -> Result<History> {
    let reading = ops.reading(caller, place).await?;
    let query = LogQuery {
        amount: PAGE,
        first_parent: target.first_parent,
        objects: target.paths,
        prefixes: target.prefixes,
        since: target.since,
        stop_at: target.stop_at,
        after: String::new(),
    };
    let left = if target.limit == 0 { u64::MAX } else { target.limit };
    Ok(History { caller: caller.clone(), reading, query, left, is_done: false })
}

impl History {
    /// Returns the next commits, or `None` at the end.
    ///
    /// # Errors
    /// `RefNotFound`, `RepositoryNotFound`.
    pub async fn next(&mut self, ops: &Ops) -> Result<Option<Vec<Commit>>> {
        if self.is_done {
            return Ok(None);
        }
        self.query.amount = usize::try_from(self.left).unwrap_or(PAGE).min(PAGE);
        let logged = self.caller.lakefs.log(&self.reading.repository, &self.reading.reference, &self.query).await;
        let page = match logged {
            Ok(page) => page,
            Err(error) => {
                let error = match self.missing_stop(&error).await {
                    Some(missing) => missing,
                    None => self.caller.explain(ops.missing_ref(&self.reading, error).await).await,
                };
                self.reading = ops.read_on(&self.caller, &self.reading, error).await?;
                return Box::pin(self.next(ops)).await;
            }
        };
        self.left = self.left.saturating_sub(page.results.len() as u64);
        self.is_done = page.next.is_none() || self.left == 0;
        self.query.after = page.next.unwrap_or_default();
        Ok(Some(page.results))
    }
}

impl History {
    /// Returns the error for a missing commit to stop at, if it is the cause.
    async fn missing_stop(&self, error: &lakefs::Error) -> Option<Error> {
        let stop_at = self.query.stop_at.as_ref().filter(|_| error.kind() == lakefs::Kind::NotFound)?;
        let repository = &self.reading.repository;
        let is_there = self.caller.lakefs.check_ref(repository, stop_at).await.is_ok();
        (!is_there).then(|| no_ref(repository, stop_at.as_str()))
    }
}
