//! Commits, history and differences.

use super::absent::base_of;
use super::branches::no_ref;
use super::inside::{MADE_IN, stands_on_base, under_lease};
use super::repositories::outcome;
use super::write::check_metadata;
use super::{At, Caller, Ops, Place, Reading, Shared, Writing};
use crate::error::{Error, Kind, Result};
use lakeport_lakefs::{self as lakefs, Commit, DiffKind, Difference, LogQuery};
use lakeport_session::{Inside, State, Transaction};
use lakeport_types::{CommitId, Prefix, Ref};
use std::collections::BTreeMap;

/// What to say of a commit.
#[derive(Debug, Clone, Default)]
pub struct NewCommit {
    /// May be empty.
    pub message: String,
    /// The caller's.
    pub metadata: BTreeMap<String, String>,
    /// Commit even if nothing changed.
    pub allow_empty: bool,
}

/// Which part of a history.
#[derive(Debug, Clone, Default)]
pub struct LogTarget {
    /// Commits at most; 0: all.
    pub limit: u64,
    /// First parents alone.
    pub first_parent: bool,
    /// Only commits that changed one of these.
    pub paths: Vec<String>,
    /// Only commits that changed something below one of these.
    pub prefixes: Vec<String>,
    /// Only commits of this time or later, in Unix seconds.
    pub since: Option<i64>,
    /// The last commit to show.
    pub stop_at: Option<Ref>,
}

/// What to compare.
#[derive(Debug, Clone)]
pub enum DiffTarget {
    /// Two refs as they are.
    TwoDot(Ref),
    /// What a ref changed since the two parted.
    ThreeDot(Ref),
    /// What is uncommitted.
    Uncommitted,
    /// What a transaction changed since it began, committed or not.
    Transaction,
}

/// What lakeFS gives at once.
const PAGE: usize = 1000;

/// Commits what is uncommitted on a branch, or in a transaction, which stays open.
///
/// # Errors
/// `NoChanges`, `HookRejected`, `BranchProtected`, `OutcomeUnknown`; in a transaction `CommitInDoubt`, and those of the place.
pub async fn create_commit(ops: &Shared, caller: &Caller, place: &Place, new: NewCommit) -> Result<Commit> {
    check_metadata(&new.metadata)?;
    let writing = ops.writing(caller, place).await?;
    let mut commit = lakefs::NewCommit { message: new.message, metadata: new.metadata, allow_empty: new.allow_empty };
    match &writing.transaction {
        None => match caller.lakefs.commit(&writing.repository, &writing.branch, &commit).await {
            Ok(made) => Ok(made),
            Err(error) if error.is_ambiguous() => Err(outcome(error)),
            Err(error) => Err(writing.refused(ops, caller, error).await),
        },
        Some(transaction) => {
            commit.metadata.insert(MADE_IN.into(), transaction.id.to_string());
            let (lakefs, repository, branch) =
                (caller.lakefs.clone(), writing.repository.clone(), writing.branch.clone());
            let request = async move { lakefs.commit(&repository, &branch, &commit).await };
            let is_of_something = !new.allow_empty;
            let made = move |row: &Transaction, made: &Commit| committed_inside(row, made, is_of_something);
            match under_lease(ops, transaction, request, made, in_doubt).await? {
                None => Err(Error::new(Kind::CommitInDoubt, LOST)),
                Some(Ok(made)) => Ok(made),
                Some(Err(error)) => Err(writing.refused(ops, caller, error).await),
            }
        }
    }
}

const LOST: &str =
    "the answer to the commit was lost: what was written stays in the transaction, and its commit will hold it";

/// The commit of the transaction need not ask for it again.
fn committed_inside(row: &Transaction, made: &Commit, is_of_something: bool) -> Transaction {
    let is_first = is_of_something && stands_on_base(row, made);
    let inside = CommitId::try_from(made.id.clone()).ok().map(|commit| Inside { commit, is_first });
    Transaction { inside, ..row.clone() }
}

/// A commit of the transaction must not trust the live branch then.
fn in_doubt(_: &Ops, row: &Transaction) -> Transaction {
    Transaction { commit_in_doubt: true, ..row.clone() }
}

/// The commit that a place names.
///
/// # Errors
/// `RefNotFound`, `RepositoryNotFound`, and those of the place.
pub async fn get_commit(ops: &Ops, caller: &Caller, place: &Place) -> Result<Commit> {
    let mut reading = ops.reading(caller, place).await?;
    loop {
        let error = match caller.lakefs.get_commit(&reading.repository, &reading.reference).await {
            Ok(commit) => return Ok(commit),
            Err(error) => caller.explain(ops.missing_ref(&reading, error).await).await,
        };
        reading = ops.read_on(caller, &reading, error).await?;
    }
}

/// A history under way.
pub struct History {
    caller: Caller,
    reading: Reading,
    query: LogQuery,
    left: u64,
    is_done: bool,
}

/// Begins a history, newest first.
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
    /// The next commits; `None` behind the last.
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
    /// The commit to stop at, if that is what is not there.
    async fn missing_stop(&self, error: &lakefs::Error) -> Option<Error> {
        let stop_at = self.query.stop_at.as_ref().filter(|_| error.kind() == lakefs::Kind::NotFound)?;
        let repository = &self.reading.repository;
        let is_there = self.caller.lakefs.get_commit(repository, stop_at).await.is_ok();
        (!is_there).then(|| no_ref(repository, stop_at.as_str()))
    }
}

/// Differences under way.
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

/// Begins a comparison. In a transaction, the left side is its base commit and the right side its branch.
///
/// # Errors
/// Those of the place; `RefNotABranch` for what is uncommitted on no branch.
pub async fn diff(
    ops: &Ops,
    caller: &Caller,
    place: &Place,
    target: DiffTarget,
    prefix: Prefix,
) -> Result<Differences> {
    let sides = match target {
        DiffTarget::Transaction => {
            let right = ops.reading(caller, place).await?;
            let base = right.transaction.as_ref().map(base_of).transpose()?.map(Ref::from);
            let left = Reading { reference: base.unwrap_or_else(|| right.reference.clone()), ..right.clone() };
            // With what is not committed in it yet, where it takes writes.
            let right = match &right.transaction {
                Some(row) if row.state == State::Open && !row.options.read_only => Ref::staged(&row.branch),
                _ => right.reference,
            };
            Sides::Refs(left, right, DiffKind::TwoDot)
        }
        DiffTarget::Uncommitted => Sides::Uncommitted(ops.writing(caller, place).await?),
        DiffTarget::TwoDot(right) => Sides::Refs(ops.reading(caller, place).await?, right, DiffKind::TwoDot),
        DiffTarget::ThreeDot(right) => Sides::Refs(ops.reading(caller, place).await?, right, DiffKind::ThreeDot),
    };
    Ok(Differences { caller: caller.clone(), sides, prefix, after: String::new(), is_done: false })
}

impl Differences {
    /// Between two refs of a repository.
    pub(super) fn between(caller: &Caller, left: Reading, right: Ref, kind: DiffKind, prefix: Prefix) -> Self {
        let sides = Sides::Refs(left, right, kind);
        Self { caller: caller.clone(), sides, prefix, after: String::new(), is_done: false }
    }

    /// The next differences, by path; `None` behind the last.
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

    /// Which of the two sides is not there.
    async fn missing(&self, ops: &Ops, left: &Reading, right: &Ref, error: lakefs::Error) -> Error {
        if error.kind() != lakefs::Kind::NotFound {
            return self.caller.explain(ops.missing_ref(left, error).await).await;
        }
        let is_left_there = self.caller.lakefs.get_commit(&left.repository, &left.reference).await.is_ok();
        let reference = if is_left_there { right.clone() } else { left.reference.clone() };
        ops.missing_ref(&Reading { reference, ..left.clone() }, error).await
    }
}

impl Place {
    /// The transaction that it is about, if it is.
    pub fn transaction_id(&self) -> Option<&lakeport_types::TransactionId> {
        match &self.at {
            At::Transaction(id) => Some(id),
            At::Ref(_) => None,
        }
    }
}
