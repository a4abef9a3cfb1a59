//! What a transaction changed.

use super::commits::Differences;
use super::locate::{not_open, staged};
use super::{Caller, Ops, Reading};
use crate::error::Result;
use lakeport_lakefs::{DiffKind, Difference, DifferenceKind};
use lakeport_session::{State, Transaction};
use lakeport_types::{Prefix, Ref, TransactionId};
use std::collections::HashSet;

/// Changes of a transaction, under way.
pub struct Changes {
    changes: Differences,
    /// What the base changed since.
    base_changes: HashSet<String>,
}

/// What a transaction changed since it began, staged or committed, with what its base changed too marked.
///
/// # Errors
/// `TransactionNotFound`; the state of one that has ended.
pub async fn list_changes(ops: &Ops, caller: &Caller, id: &TransactionId, prefix: Prefix) -> Result<Changes> {
    let transaction = ops.owned(caller, id).await?;
    if transaction.state.is_final() {
        return Err(not_open(&transaction, transaction.state));
    }
    changes_of(ops, caller, &transaction, prefix).await
}

pub(super) async fn changes_of(
    ops: &Ops,
    caller: &Caller,
    transaction: &Transaction,
    prefix: Prefix,
) -> Result<Changes> {
    let base = Reading {
        repository: transaction.repository.clone(),
        reference: Ref::from(&transaction.base_commit_id),
        transaction: None,
    };
    let mut base_changes = HashSet::new();
    let base_branch = Ref::from(&transaction.base_branch);
    let mut theirs = Differences::between(caller, base.clone(), base_branch, DiffKind::TwoDot, prefix.clone());
    while let Some(page) = theirs.next(ops).await? {
        base_changes.extend(page.into_iter().map(|difference| difference.path));
    }
    let now = match (&transaction.prepared_commit_id, transaction.state) {
        _ if transaction.options.read_only => Ref::from(&transaction.base_commit_id),
        (Some(commit), State::Committing) => Ref::from(commit),
        // With what is staged.
        _ => staged(transaction),
    };
    Ok(Changes { changes: Differences::between(caller, base, now, DiffKind::TwoDot, prefix), base_changes })
}

impl Changes {
    /// The next changes, by path; `None` behind the last.
    ///
    /// # Errors
    /// `RefNotFound` for a base that is gone.
    pub async fn next(&mut self, ops: &Ops) -> Result<Option<Vec<Difference>>> {
        let Some(mut page) = self.changes.next(ops).await? else { return Ok(None) };
        for difference in &mut page {
            if self.base_changes.contains(&difference.path) {
                difference.kind = DifferenceKind::Conflict;
            }
        }
        Ok(Some(page))
    }

    /// The first paths in conflict, and how many there are.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn conflicts(mut self, ops: &Ops, first: usize) -> Result<(Vec<String>, usize)> {
        let (mut paths, mut count) = (Vec::new(), 0);
        while let Some(page) = self.next(ops).await? {
            for difference in page.into_iter().filter(|d| d.kind == DifferenceKind::Conflict) {
                count += 1;
                if paths.len() < first {
                    paths.push(difference.path);
                }
            }
        }
        Ok((paths, count))
    }
}
