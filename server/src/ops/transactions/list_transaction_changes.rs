//! What a transaction changed.

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

/// Changes of a transaction, under way.
pub struct Changes {
    ours: Differences,
    theirs: BasePaths,
}

/// Paths that both sides changed.
#[derive(Debug, Default)]
pub struct Conflicts {
    /// The first of them.
    pub paths: Vec<String>,
    /// How many there are.
    pub count: usize,
    /// Whether there may be more: it took too long to look at all.
    pub are_more: bool,
}

/// How long conflicts are counted: whoever commits waits for that.
const COUNTING: Duration = Duration::from_secs(5);

/// Paths that the base changed since, in their order, a page at a time.
struct BasePaths {
    changes: Differences,
    page: std::iter::Peekable<std::vec::IntoIter<Difference>>,
}

/// What a transaction changed since it began, staged or committed, with what its base changed too marked.
///
/// # Errors
/// `TransactionNotFound`; the state of one that has ended.
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
        transaction: None,
    };
    let base_branch = Ref::from(&transaction.base_branch);
    let changes = Differences::between(caller, base.clone(), base_branch, DiffKind::TwoDotDescribed, prefix.clone());
    let theirs = BasePaths::new(ops, changes).await?;
    let now = match (&transaction.prepared_commit_id, transaction.state) {
        _ if transaction.options.read_only => base.reference.clone(),
        (Some(commit), State::Committing) => Ref::from(commit),
        // With what is staged.
        _ => Ref::staged(&transaction.branch),
    };
    Ok(Changes { ours: Differences::between(caller, base, now, DiffKind::TwoDotDescribed, prefix), theirs })
}

impl BasePaths {
    /// Asks for the first page, so that a base that is gone is known before anything is answered.
    async fn new(ops: &Ops, mut changes: Differences) -> Result<Self> {
        let page = changes.next(ops).await?.unwrap_or_default();
        Ok(Self { changes, page: page.into_iter().peekable() })
    }

    /// Whether they conflict with a change of ours: the same path, and something else of it. Each question has to be about a later
    /// path than the one before: both sides come in the order of their bytes.
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
    /// The next changes, by path; `None` behind the last.
    ///
    /// # Errors
    /// `RefNotFound` for a base that is gone.
    pub async fn next(&mut self, ops: &Ops) -> Result<Option<Vec<Difference>>> {
        let Some(mut page) = self.ours.next(ops).await? else { return Ok(None) };
        for difference in &mut page {
            if self.theirs.conflict_with(ops, difference).await? {
                difference.kind = DifferenceKind::Conflict;
            }
        }
        Ok(Some(page))
    }

    /// The first paths in conflict, and how many there are, as far as that can be found out in seconds.
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
            if began.elapsed() > COUNTING {
                found.are_more = true;
                break;
            }
        }
        Ok(found)
    }
}
