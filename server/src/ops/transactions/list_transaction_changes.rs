//! `TransactionService.ListTransactionChanges`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Ops;
use crate::ops::differences::Differences;
use crate::ops::errors::{base_of, not_open};
use crate::ops::reading::Reading;
use lakeport_lakefs::{DiffKind, Difference, DifferenceKind};
use lakeport_transactions::{State, Transaction};
use lakeport_types::{Prefix, Ref, TransactionId};
use std::time::{Duration, Instant};

/// Stream of the changes of a transaction, with conflicts marked.
pub struct Changes {
    ours: Differences,
    theirs: BasePaths,
}

/// Paths that both sides changed.
#[derive(Debug, Default)]
pub struct Conflicts {
    /// The first paths in conflict.
    pub paths: Vec<String>,
    /// Number of conflicts found.
    pub count: usize,
    /// Whether there may be more conflicts, because counting reached its time limit.
    pub is_incomplete: bool,
}

/// Time limit for counting conflicts. The caller of a commit waits for it.
const COUNT_LIMIT: Duration = Duration::from_secs(5);

/// Changes of the base since the transaction began, ordered by path, a page at a time.
struct BasePaths {
    changes: Differences,
    page: std::iter::Peekable<std::vec::IntoIter<Difference>>,
}

/// Returns the staged and committed changes of a transaction since it began. Paths that the base changed differently
/// are marked as conflicts.
///
/// # Errors
/// `TransactionNotFound`; for a finished transaction, the error for its state.
pub async fn list_transaction_changes(
    ops: &Ops,
    caller: &Caller,
    id: &TransactionId,
    prefix: Prefix,
) -> Result<Changes> {
    let transaction = ops.owned(caller, id).await?;
    if transaction.state.is_final() {
        return Err(not_open(&transaction, transaction.state));
    }
    ops.touch(&transaction).await?;
    changes_of(ops, caller, &transaction, prefix).await
}

pub(in crate::ops) async fn changes_of(
    ops: &Ops,
    caller: &Caller,
    transaction: &Transaction,
    prefix: Prefix,
) -> Result<Changes> {
    let base = Reading {
        repository: transaction.repository.clone(),
        reference: Ref::from(base_of(transaction)?),
        commit: None,
        transaction: None,
    };
    let base_branch = Ref::from(&transaction.base_branch);
    let changes = Differences::between(caller, base.clone(), base_branch, DiffKind::TwoDotDescribed, prefix.clone());
    let theirs = BasePaths::new(ops, changes).await?;
    let now = match (&transaction.prepared_commit_id, transaction.state) {
        _ if transaction.options.read_only => base.reference.clone(),
        (Some(commit), State::Committing) => Ref::from(commit),
        // Includes staged changes.
        _ => Ref::staged(&transaction.branch),
    };
    Ok(Changes { ours: Differences::between(caller, base, now, DiffKind::TwoDotDescribed, prefix), theirs })
}

impl BasePaths {
    /// Requests the first page, so that a missing base fails the call before its first response.
    async fn new(ops: &Ops, mut changes: Differences) -> Result<Self> {
        let page = changes.next(ops).await?.unwrap_or_default();
        Ok(Self { changes, page: page.into_iter().peekable() })
    }

    /// Returns whether the base changed the same path differently. Calls must be in ascending order of paths (bytewise,
    /// as lakeFS sorts them).
    async fn conflict_with(&mut self, ops: &Ops, ours: &Difference) -> Result<bool> {
        loop {
            while self.page.next_if(|theirs| theirs.path < ours.path).is_some() {}
            if let Some(theirs) = self.page.peek() {
                return Ok(theirs.path == ours.path && !theirs.is_alike(ours));
            }
            match self.changes.next(ops).await? {
                Some(page) => self.page = page.into_iter().peekable(),
                None => return Ok(false),
            }
        }
    }
}

impl Changes {
    /// Returns the next page of changes, ordered by path; `None` after the last one.
    ///
    /// # Errors
    /// `RefNotFound` if the base no longer exists.
    pub async fn next(&mut self, ops: &Ops) -> Result<Option<Vec<Difference>>> {
        let Some(mut page) = self.ours.next(ops).await? else { return Ok(None) };
        for difference in &mut page {
            if self.theirs.conflict_with(ops, difference).await? {
                difference.kind = DifferenceKind::Conflict;
            }
        }
        Ok(Some(page))
    }

    /// Counts the conflicts within the time limit, and returns the first paths.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn conflicts(mut self, ops: &Ops, first: usize) -> Result<Conflicts> {
        let began = Instant::now();
        let mut found = Conflicts::default();
        while let Some(page) = self.next(ops).await? {
            for difference in page.into_iter().filter(|d| d.kind == DifferenceKind::Conflict) {
                found.count += 1;
                if found.paths.len() < first {
                    found.paths.push(difference.path);
                }
            }
            if began.elapsed() > COUNT_LIMIT {
                found.is_incomplete = true;
                break;
            }
        }
        Ok(found)
    }
}
