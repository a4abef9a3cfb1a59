//! Differences between two versions, page by page.

use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::ops::context::Ops;
use crate::ops::reading::Reading;
use crate::ops::writing::Writing;
use lakeport_lakefs::{self as lakefs, DiffKind, Difference};
use lakeport_types::{Prefix, Ref};

/// Maximum page size of lakeFS.
const PAGE: usize = 1000;

/// Stream of differences, by page.
pub struct Differences {
    caller: Caller,
    sides: Sides,
    prefix: Prefix,
    after: String,
    is_done: bool,
}

enum Sides {
    Refs(Reading, Ref, DiffKind),
    Uncommitted(Writing),
}

impl Differences {
    /// Returns the differences between two refs of a repository.
    pub(in crate::ops) fn between(caller: &Caller, left: Reading, right: Ref, kind: DiffKind, prefix: Prefix) -> Self {
        let sides = Sides::Refs(left, right, kind);
        Self { caller: caller.clone(), sides, prefix, after: String::new(), is_done: false }
    }

    /// Returns the uncommitted changes of a branch.
    pub(in crate::ops) fn uncommitted(caller: &Caller, writing: Writing, prefix: Prefix) -> Self {
        let sides = Sides::Uncommitted(writing);
        Self { caller: caller.clone(), sides, prefix, after: String::new(), is_done: false }
    }

    /// Returns the next page, ordered by path; `None` after the last one.
    ///
    /// # Errors
    /// `RefNotFound`, `RepositoryNotFound`.
    pub async fn next(&mut self, ops: &Ops) -> Result<Option<Vec<Difference>>> {
        if self.is_done {
            return Ok(None);
        }
        let (prefix, after) = (self.prefix.as_str(), self.after.as_str());
        let page = match &self.sides {
            Sides::Uncommitted(writing) => {
                let (repository, branch) = (&writing.repository, &writing.branch);
                match self.caller.lakefs.uncommitted(repository, branch, prefix, after, PAGE).await {
                    Ok(page) => page,
                    Err(error) => return Err(writing.refused(ops, &self.caller, error).await),
                }
            }
            Sides::Refs(reading, right, kind) => {
                let sides = (&reading.reference, right);
                match self.caller.lakefs.diff(&reading.repository, sides, *kind, prefix, after, PAGE).await {
                    Ok(page) => page,
                    Err(error) => return Err(self.missing(ops, reading, right, error).await),
                }
            }
        };
        self.is_done = page.next.is_none();
        self.after = page.next.unwrap_or_default();
        Ok(Some(page.results))
    }

    /// Returns the error for the side that does not exist: lakeFS does not say which one it is.
    async fn missing(&self, ops: &Ops, left: &Reading, right: &Ref, error: lakefs::Error) -> Error {
        if error.kind() != lakefs::Kind::NotFound {
            return self.caller.explain(ops.missing_ref(left, error).await).await;
        }
        let left_exists = self.caller.lakefs.check_ref(&left.repository, &left.reference).await.is_ok();
        let reference = if left_exists { right.clone() } else { left.reference.clone() };
        ops.missing_ref(&Reading { reference, commit: None, ..left.clone() }, error).await
    }
}
