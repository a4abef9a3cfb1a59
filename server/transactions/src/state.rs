//! What may happen to a transaction: each method makes the next row from this one, or says why not. Nothing is stored here.

use crate::row::{CommitRequest, Failure, Millis, State, Transaction};
use lakeport_types::{BranchName, CommitId};

/// Who works on rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Tells it apart from all others.
    pub name: String,
    /// How long it has a row to itself, unless it renews that.
    pub lease: Millis,
}

/// The transaction is not in a state for that; the state that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the transaction is {}", .0.as_str())]
pub struct NotAllowed(pub State);

impl Transaction {
    /// Whether its branch is yet to be made, or to be heard of: then it is nobody's but that of who begins it.
    pub fn is_beginning(&self) -> bool {
        self.state == State::Open && self.base_commit_id.is_none()
    }

    /// It began: its branch was made from that commit. Its idle time begins now.
    #[must_use]
    pub fn begun_at(&self, base: CommitId) -> Self {
        let idle_expire_time = self.read_at + self.options.idle_timeout;
        Self { base_commit_id: Some(base), idle_expire_time, ..self.clone() }
    }

    /// Whether nobody works on it.
    pub fn is_unattended(&self) -> bool {
        self.worker.is_none() || self.lease_until <= self.read_at
    }

    /// Whether its lease has lapsed, whoever had it.
    pub fn is_free(&self) -> bool {
        self.lease_until <= self.read_at
    }

    /// Whether it is past its idle time or lifetime, and a grace.
    pub fn is_overdue(&self, grace: Millis) -> bool {
        self.idle_expire_time.min(self.expire_time) + grace <= self.read_at
    }

    /// Until when an upload could still land on a path, if one could at `time` or later.
    pub fn unsettled_since(&self, path: &str, time: Millis) -> Option<Millis> {
        self.unsettled.get(path).copied().filter(|until| *until > time)
    }

    /// Until when an upload could still land on any path, if one could.
    pub fn last_unsettled(&self) -> Option<Millis> {
        self.unsettled.values().copied().max().filter(|until| *until > self.read_at)
    }

    /// All branches of ours that may exist and are to go.
    pub fn branches(&self) -> Vec<BranchName> {
        let live = (!self.options.read_only).then(|| self.branch.clone());
        let all = live.into_iter().chain(self.merge_branches.iter().cloned());
        all.filter(|branch| self.kept_branch.as_ref() != Some(branch)).collect()
    }

    /// Whether the branch that is kept is the one that was worked on.
    pub fn is_kept_in_place(&self) -> bool {
        self.kept_branch.as_ref() == Some(&self.branch)
    }

    /// Until when a branch that nobody heard of again could still be made.
    pub fn late_branches_until(&self, settle: Millis) -> Option<Millis> {
        let never_began = self.base_commit_id.is_none();
        let is_in_doubt = never_began || self.commit_in_doubt || self.merge_in_doubt || !self.merge_branches.is_empty();
        self.end_time.filter(|_| is_in_doubt).map(|end| end + settle).filter(|until| *until > self.read_at)
    }

    fn open(&self) -> Result<Self, NotAllowed> {
        match self.state {
            State::Open => Ok(self.clone()),
            other => Err(NotAllowed(other)),
        }
    }

    fn leased(mut self, worker: &Worker) -> Self {
        self.worker = Some(worker.name.clone());
        self.lease_until = self.read_at + worker.lease;
        self
    }

    /// The lease, for somebody who has not had it.
    #[must_use]
    pub fn leased_anew(&self, worker: &Worker) -> Self {
        let mut next = self.clone().leased(worker);
        // Whoever had it may have sent a commit and gone away.
        next.commit_in_doubt |= self.worker.is_some();
        next
    }

    fn ended(mut self, state: State) -> Self {
        self.state = state;
        self.end_time = Some(self.read_at);
        self.worker = None;
        self
    }

    /// OPEN -> COMMITTING. From here on anybody can finish it the same way.
    ///
    /// # Errors
    /// When it is not open.
    pub fn start_commit(&self, request: CommitRequest, worker: &Worker) -> Result<Self, NotAllowed> {
        let mut next = self.open()?.leased_anew(worker);
        next.state = State::Committing;
        next.epoch += 1;
        next.commit_request = Some(request);
        next.commit_time = Some(self.read_at);
        next.prepared_commit_id = None;
        next.merge_in_doubt = false;
        next.fence_until = None;
        next.refusal = None;
        next.failure = None;
        next.failed_tags.clear();
        Ok(next)
    }

    /// Another worker goes on with a commit that nobody works on. What the first one sent may still be on its way.
    ///
    /// # Errors
    /// When it is not being committed.
    pub fn take_over(&self, worker: &Worker) -> Result<Self, NotAllowed> {
        if self.state != State::Committing {
            return Err(NotAllowed(self.state));
        }
        let mut next = self.clone().leased(worker);
        next.commit_in_doubt = true;
        next.merge_in_doubt = true;
        // A fence that was begun goes on from where it is; without a refusal there are merges to come.
        next.fence_until = next.fence_until.filter(|_| next.refusal.is_some());
        Ok(next)
    }

    /// The lease of a worker, for a call that is about to be made.
    #[must_use]
    pub fn renewed(&self, worker: &Worker) -> Self {
        self.clone().leased(worker)
    }

    /// A worker is done, and the state stays.
    #[must_use]
    pub fn released(&self) -> Self {
        Self { worker: None, lease_until: 0, ..self.clone() }
    }

    /// The commit that is to be merged is known.
    #[must_use]
    pub fn prepared(&self, commit: CommitId, worker: &Worker) -> Self {
        Self { prepared_commit_id: Some(commit), ..self.renewed(worker) }
    }

    /// A branch will be made for a merge; its name is known before it is.
    #[must_use]
    pub fn with_merge_branch(&self, branch: BranchName, worker: &Worker) -> Self {
        let mut next = self.renewed(worker);
        next.merge_branches.push(branch);
        next
    }

    /// COMMITTING -> COMMITTED.
    #[must_use]
    pub fn committed(&self, commit: CommitId, merged: bool, failed_tags: Vec<String>) -> Self {
        let next = Self { commit_id: Some(commit), merged, failed_tags, failure: None, ..self.clone() };
        next.ended(State::Committed)
    }

    /// COMMITTING -> OPEN, on a branch that nothing under way can reach.
    #[must_use]
    pub fn reopened(&self, branch: BranchName, failure: Failure) -> Self {
        let mut next = self.released();
        next.state = State::Open;
        // On the same branch, a commit that may still be on its way still can land.
        next.commit_in_doubt = next.commit_in_doubt && next.branch == branch;
        // The names of before are never used again, but they stay known: one whose answer was lost may be made late.
        if next.branch != branch {
            next.merge_branches.retain(|known| *known != branch);
            next.merge_branches.push(std::mem::replace(&mut next.branch, branch));
        }
        next.prepared_commit_id = None;
        next.inside = None;
        next.commit_request = None;
        next.commit_time = None;
        next.merge_in_doubt = false;
        next.fence_until = None;
        next.refusal = None;
        // What was to be kept of a commit that failed is not kept: it is open again.
        next.kept_branch = None;
        next.failure = Some(failure);
        next.idle_expire_time = next.read_at + next.options.idle_timeout;
        next
    }

    /// OPEN -> ROLLED_BACK.
    ///
    /// # Errors
    /// When it is not open.
    pub fn rolled_back(&self) -> Result<Self, NotAllowed> {
        Ok(self.open()?.ended(State::RolledBack))
    }

    /// OPEN, or COMMITTING behind the fence, -> EXPIRED.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn expired(&self) -> Result<Self, NotAllowed> {
        if self.state.is_final() { Err(NotAllowed(self.state)) } else { Ok(self.clone().ended(State::Expired)) }
    }

    /// A branch of ours may still be made for a while, whatever became of the transaction: it is cleaned up again behind that.
    #[must_use]
    pub fn awaiting_late_branch(&self, settle: Millis) -> Self {
        let is_over = self.state.is_final();
        let lease_until = if is_over { self.lease_until.max(self.read_at + settle) } else { self.lease_until };
        Self { commit_in_doubt: true, is_clean: self.is_clean && !is_over, lease_until, ..self.clone() }
    }

    /// An upload to a path may still land for a while.
    #[must_use]
    pub fn unsettling<'p>(&self, paths: impl IntoIterator<Item = &'p str>, span: Millis) -> Self {
        let mut next = self.clone();
        // Kept for longer than they count: a write that began before their end is acknowledged behind it.
        next.unsettled.retain(|_, until| *until + span > next.read_at);
        next.unsettled.extend(paths.into_iter().map(|path| (path.to_owned(), next.read_at + span)));
        next
    }
}
