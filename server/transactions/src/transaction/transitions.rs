//! The state machine of a transaction. Each method returns the next row, or the reason why the step is not allowed.
//!
//! These methods only compute rows. [`SessionStore::swap`](crate::SessionStore::swap) writes the next row if no other writer changed the
//! row first.

use super::{Details, Transaction, TransactionRow};
use crate::model::{CommitRequest, Failure, Inside, Millis, State};
use lakeport_types::{BranchName, CommitId};
use std::collections::BTreeMap;

/// A process that can hold leases of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Unique name.
    pub name: String,
    /// Duration of a lease.
    pub lease: Millis,
}

/// The current state of the transaction does not allow the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the transaction is {}", .0.as_str())]
pub struct NotAllowed(pub State);

/// Properties of a row.
impl Transaction {
    /// Returns whether `BeginTransaction` is still running: the base commit is not stored yet. Only Begin and Rollback use such a transaction.
    pub fn is_beginning(&self) -> bool {
        self.state == State::Open && self.base_commit_id.is_none()
    }

    /// Returns whether the live branch is being replaced. No write is acknowledged meanwhile.
    pub fn is_changing_branch(&self) -> bool {
        self.state == State::Open && self.is_branch_being_replaced
    }

    /// Returns whether no worker has a valid lease.
    pub fn is_unattended(&self) -> bool {
        self.worker.is_none() || self.lease_until <= self.read_at
    }

    /// Returns whether `lease_until` has passed, with or without a worker.
    pub fn is_free(&self) -> bool {
        self.lease_until <= self.read_at
    }

    /// Returns whether the idle timeout or the lifetime ended more than `grace` ago.
    pub fn is_overdue(&self, grace: Millis) -> bool {
        self.idle_expire_time.min(self.expire_time) + grace <= self.read_at
    }

    /// Returns the time until which an abandoned request may still change `path`, if it is later than `time`.
    pub fn unsettled_since(&self, path: &str, time: Millis) -> Option<Millis> {
        self.unsettled.get(path).copied().filter(|until| *until > time)
    }

    /// Returns the time until which an abandoned request may still change any path.
    pub fn last_unsettled(&self) -> Option<Millis> {
        self.unsettled.values().copied().max().filter(|until| *until > self.read_at)
    }

    /// Returns all branches of the transaction that may exist and must be deleted when it ends.
    pub fn branches(&self) -> Vec<BranchName> {
        let live = (!self.options.read_only).then(|| self.branch.clone());
        let all = live.into_iter().chain(self.merge_branches.iter().cloned());
        all.filter(|branch| self.kept_branch.as_ref() != Some(branch)).collect()
    }

    /// Returns the commit that the transaction ended with: the published commit, or the head of the kept branch.
    pub fn ended_with(&self) -> Option<&CommitId> {
        self.commit_id.as_ref().or_else(|| self.kept_head.as_ref().filter(|_| self.state.is_final()))
    }

    /// Returns whether the live branch itself is kept.
    pub fn is_kept_in_place(&self) -> bool {
        self.kept_branch.as_ref() == Some(&self.branch)
    }

    /// Returns the time until which an earlier request may still create a branch: `settle` after the end of the transaction. `None` if no
    /// such request is in doubt, or the time has passed.
    pub fn late_branches_until(&self, settle: Millis) -> Option<Millis> {
        let never_began = self.base_commit_id.is_none();
        let is_in_doubt = never_began || self.commit_in_doubt || self.merge_in_doubt || !self.merge_branches.is_empty();
        self.end_time.filter(|_| is_in_doubt).map(|end| end + settle).filter(|until| *until > self.read_at)
    }

    /// Returns the same row with another `read_at`.
    #[must_use]
    pub fn as_of(&self, read_at: Millis) -> Self {
        Self(TransactionRow { read_at, ..self.0.clone() })
    }
}

/// Begin.
impl Transaction {
    /// Sets the commit from which the branch was created, and restarts the idle timeout.
    #[must_use]
    pub fn begun_at(&self, base: CommitId) -> Self {
        let idle_expire_time = self.read_at + self.options.idle_timeout;
        Self(TransactionRow { base_commit_id: Some(base), idle_expire_time, ..self.0.clone() })
    }

    /// Records that a request may still create a branch of the transaction within `settle`. If the transaction has ended, the janitor
    /// cleans it again after this time.
    #[must_use]
    pub fn awaiting_late_branch(&self, settle: Millis) -> Self {
        let is_over = self.state.is_final();
        let lease_until = if is_over { self.lease_until.max(self.read_at + settle) } else { self.lease_until };
        let mut next = self.with_commit_in_doubt();
        next.0.is_clean &= !is_over;
        next.0.lease_until = lease_until;
        next
    }
}

/// Leases.
impl Transaction {
    fn leased(mut self, worker: &Worker) -> Self {
        self.0.details.worker = Some(worker.name.clone());
        self.0.lease_until = self.read_at + worker.lease;
        self
    }

    /// Gives the lease to a worker that does not hold it.
    #[must_use]
    pub fn leased_to(&self, worker: &Worker) -> Self {
        let mut next = self.clone().leased(worker);
        // The previous worker may have sent a commit before it lost the lease.
        next.0.details.commit_in_doubt |= self.worker.is_some();
        next
    }

    /// Renews the lease of its worker.
    #[must_use]
    pub fn renewed(&self, worker: &Worker) -> Self {
        self.clone().leased(worker)
    }

    /// Sets the end of the lease of its worker.
    #[must_use]
    pub fn leased_until(&self, time: Millis) -> Self {
        Self(TransactionRow { lease_until: time, ..self.0.clone() })
    }

    /// Releases the lease without a change of the state.
    #[must_use]
    pub fn released(&self) -> Self {
        self.postponed_until(0)
    }

    /// Releases the lease. The janitor does not process the row before `time`. Calls of the owner do not wait.
    #[must_use]
    pub fn postponed_until(&self, time: Millis) -> Self {
        let mut next = self.clone();
        next.0.details.worker = None;
        next.0.lease_until = time;
        next
    }
}

/// Writes and commits inside an open transaction.
impl Transaction {
    fn open(&self) -> Result<Self, NotAllowed> {
        match self.state {
            State::Open => Ok(self.clone()),
            other => Err(NotAllowed(other)),
        }
    }

    /// Records that an abandoned request may still change these paths within `span`. Each record of a path has another
    /// end, so that [`with_settled`](Self::with_settled) removes no other record.
    #[must_use]
    pub fn with_unsettled<'p>(&self, paths: impl IntoIterator<Item = &'p str>, span: Millis) -> Self {
        let mut next = self.clone();
        let now = self.read_at;
        let unsettled = &mut next.0.details.unsettled;
        // Keeps each entry for one more `span`, for the check of a write that started before the entry ended.
        unsettled.retain(|_, until| *until + span > now);
        for path in paths {
            let until = unsettled.get(path).map_or(now + span, |earlier| (now + span).max(earlier + 1));
            unsettled.insert(path.to_owned(), until);
        }
        next
    }

    /// Records that an abandoned request has ended, and can no longer change its paths. `recorded` has the ends that
    /// [`with_unsettled`](Self::with_unsettled) gave them; a path with another end stays unsettled.
    #[must_use]
    pub fn with_settled(&self, recorded: &BTreeMap<String, Millis>) -> Self {
        let mut next = self.clone();
        // A write that started in this millisecond may have started before the request ended.
        let settled = self.read_at + 1;
        for (path, until) in &mut next.0.details.unsettled {
            if recorded.get(path) == Some(until) {
                *until = settled.min(*until);
            }
        }
        next
    }

    /// Sets the last commit made inside the transaction; `None` if its ID is unknown.
    #[must_use]
    pub fn committed_inside(&self, inside: Option<Inside>) -> Self {
        self.with(|details| details.inside = inside)
    }

    /// Records that the response to a commit request was lost.
    #[must_use]
    pub fn with_commit_in_doubt(&self) -> Self {
        self.with(|details| details.commit_in_doubt = true)
    }

    fn with(&self, change: impl FnOnce(&mut Details)) -> Self {
        let mut next = self.clone();
        change(&mut next.0.details);
        next
    }
}

/// Replacement of the live branch by a branch that no earlier request can change.
impl Transaction {
    /// Starts the replacement, and stores the name of the new branch. From then on, no write to the former branch is acknowledged. The
    /// lease keeps commits away.
    #[must_use]
    pub fn replacing_branch(&self, new: BranchName, worker: &Worker) -> Self {
        self.leased_to(worker).with(|details| {
            details.is_branch_being_replaced = true;
            // If this worker dies, its commit may still take effect.
            details.commit_in_doubt = true;
            details.merge_branches.push(new);
        })
    }

    /// Ends the replacement. No earlier request can change the new branch.
    #[must_use]
    pub fn branch_replaced(&self, new: BranchName) -> Self {
        let mut next = self.released();
        next.change_branch(new);
        next.with(|details| {
            details.is_branch_being_replaced = false;
            details.commit_in_doubt = false;
            details.inside = None;
            details.unsettled.clear();
        })
    }

    /// Ends an attempt at a replacement that failed. The former branch stays.
    #[must_use]
    pub fn branch_not_replaced(&self) -> Self {
        self.released().with(|details| {
            details.is_branch_being_replaced = false;
            details.replacement_failed = true;
        })
    }

    fn change_branch(&mut self, branch: BranchName) {
        let former = std::mem::replace(&mut self.0.branch, branch);
        if former != self.0.branch {
            // Branch names are never reused, but a delayed request may still create the former branch.
            let branch = &self.0.branch;
            self.0.details.merge_branches.retain(|known| known != branch);
            self.0.details.merge_branches.push(former);
            self.0.details.replacement_failed = false;
        }
    }
}

/// Commit.
impl Transaction {
    /// OPEN -> COMMITTING. After this step, any worker can finish the commit.
    ///
    /// # Errors
    /// The state, if it is not open.
    pub fn start_commit(&self, request: CommitRequest, worker: &Worker) -> Result<Self, NotAllowed> {
        let mut next = self.open()?.leased_to(worker);
        next.0.state = State::Committing;
        next.0.epoch += 1;
        next.0.commit_time = Some(self.read_at);
        let details = &mut next.0.details;
        details.is_branch_being_replaced = false;
        details.commit_request = Some(request);
        details.prepared_commit_id = None;
        details.merge_in_doubt = false;
        details.fence_until = None;
        details.refusal = None;
        details.is_merged_already = false;
        details.failure = None;
        details.failed_tags.clear();
        Ok(next)
    }

    /// Gives an unattended commit to another worker. Requests of the previous worker may still take effect.
    ///
    /// # Errors
    /// The state, if no commit is in progress.
    pub fn take_over(&self, worker: &Worker) -> Result<Self, NotAllowed> {
        if self.state != State::Committing {
            return Err(NotAllowed(self.state));
        }
        let mut next = self.clone().leased(worker);
        let details = &mut next.0.details;
        details.commit_in_doubt = true;
        details.merge_in_doubt = true;
        // If the commit has a conclusion, the worker continues the fence. Otherwise, it sends more merges, and a later fence must start
        // again.
        let is_concluded = details.refusal.is_some() || details.is_merged_already;
        details.fence_until = details.fence_until.filter(|_| is_concluded);
        Ok(next)
    }

    /// Sets the commit to merge.
    #[must_use]
    pub fn prepared(&self, commit: CommitId, worker: &Worker) -> Self {
        self.renewed(worker).with(|details| details.prepared_commit_id = Some(commit))
    }

    /// Adds the name of a merge source, before the branch is created.
    #[must_use]
    pub fn with_merge_branch(&self, branch: BranchName, worker: &Worker) -> Self {
        self.renewed(worker).with(|details| details.merge_branches.push(branch))
    }

    /// Records that the response to a merge request was lost.
    #[must_use]
    pub fn with_merge_in_doubt(&self) -> Self {
        self.with(|details| details.merge_in_doubt = true)
    }

    /// Starts the fence: after `until`, no merge of this epoch can take effect. Without a refusal, the base already has all changes.
    #[must_use]
    pub fn fenced(&self, until: Millis, refusal: Option<Failure>) -> Self {
        self.with(|details| {
            details.fence_until = Some(until);
            details.is_merged_already = refusal.is_none();
            details.refusal = refusal;
        })
    }

    /// Records why the commit ends without a merge, before the fence starts. Once this is stored, no worker sends a merge of this epoch.
    #[must_use]
    pub fn refused(&self, refusal: Failure) -> Self {
        self.with(|details| details.refusal = Some(refusal))
    }

    /// Records that the commit cannot finish now. The row stays COMMITTING. A retry of the owner continues the commit at once; the janitor
    /// waits until `time`.
    #[must_use]
    pub fn suspended(&self, failure: Failure, time: Millis) -> Self {
        self.postponed_until(time).with(|details| details.failure = Some(failure))
    }

    /// COMMITTING -> OPEN. `branch` becomes the live branch. If a merge was sent, it must be a new branch, which no earlier request can
    /// change.
    #[must_use]
    pub fn reopened(&self, branch: BranchName, failure: Failure) -> Self {
        let mut next = self.released();
        next.0.state = State::Open;
        next.0.commit_time = None;
        next.0.idle_expire_time = self.read_at + self.options.idle_timeout;
        let is_same = self.branch == branch;
        next.change_branch(branch);
        let details = &mut next.0.details;
        // On the same branch, a commit request that was in doubt may still take effect.
        details.commit_in_doubt &= is_same;
        details.prepared_commit_id = None;
        details.inside = None;
        details.commit_request = None;
        details.merge_in_doubt = false;
        details.fence_until = None;
        details.refusal = None;
        details.is_merged_already = false;
        // A failed commit keeps no branch: the transaction continues.
        details.kept_branch = None;
        details.kept_branch_time = None;
        details.kept_head = None;
        details.failure = Some(failure);
        next
    }
}

/// End.
impl Transaction {
    fn ended(mut self, state: State) -> Self {
        self.0.state = state;
        self.0.end_time = Some(self.read_at);
        self.0.details.worker = None;
        self
    }

    /// Claims the cleanup of a finished transaction for the length of a lease. Others wait for its result.
    #[must_use]
    pub fn claimed(&self, worker: &Worker) -> Self {
        self.postponed_until(self.read_at + worker.lease)
    }

    /// COMMITTING -> COMMITTED.
    #[must_use]
    pub fn committed(&self, commit: CommitId, merged: bool, failed_tags: Vec<String>) -> Self {
        let next = self.with(|details| {
            details.commit_id = Some(commit);
            details.merged = merged;
            details.failed_tags = failed_tags;
            details.failure = None;
        });
        next.ended(State::Committed)
    }

    /// OPEN -> COMMITTED, for a read-only transaction: it has no branch to delete.
    #[must_use]
    pub fn committed_read_only(&self, base: CommitId) -> Self {
        self.committed(base, false, Vec::new()).cleaned()
    }

    /// OPEN or COMMITTING -> ROLLED_BACK. If a merge may have been sent, the worker passes the fence first. Claims the cleanup.
    ///
    /// # Errors
    /// The state, if it has ended.
    pub fn rolled_back(&self, worker: &Worker) -> Result<Self, NotAllowed> {
        self.unpublished(State::RolledBack, worker)
    }

    /// OPEN or COMMITTING -> EXPIRED. If a merge may have been sent, the worker passes the fence first. Claims the cleanup.
    ///
    /// # Errors
    /// The state, if it has ended.
    pub fn expired(&self, worker: &Worker) -> Result<Self, NotAllowed> {
        self.unpublished(State::Expired, worker)
    }

    fn unpublished(&self, state: State, worker: &Worker) -> Result<Self, NotAllowed> {
        if self.state.is_final() { Err(NotAllowed(self.state)) } else { Ok(self.clone().ended(state).claimed(worker)) }
    }

    /// Sets the name of the branch to keep, before the branch is created.
    #[must_use]
    pub fn keeping_branch(&self, branch: BranchName) -> Self {
        self.with(|details| {
            details.kept_branch = Some(branch);
            details.kept_branch_time = Some(self.read_at);
        })
    }

    /// Records that the branch to keep exists, with its head.
    #[must_use]
    pub fn branch_kept(&self, head: CommitId) -> Self {
        self.with(|details| details.kept_head = Some(head))
    }

    /// Records that the branch to keep could not be created. With a head, the live branch is kept instead.
    #[must_use]
    pub fn branch_not_kept(&self, failure: Failure, in_place: Option<CommitId>) -> Self {
        let live = in_place.as_ref().map(|_| self.branch.clone());
        self.with(|details| {
            details.kept_branch = live;
            details.kept_head = in_place;
            details.failure = Some(failure);
        })
    }

    /// Records that every branch of the transaction is deleted, except a kept one.
    #[must_use]
    pub fn cleaned(&self) -> Self {
        Self(TransactionRow { is_clean: true, ..self.0.clone() })
    }

    /// Returns this row with the version that follows `current`.
    pub(crate) fn replacing(mut self, current: &Self) -> Self {
        self.0.version = current.version + 1;
        self
    }
}
