//! Keeps the branch of a finished transaction under a name of its own.

use crate::error::{Error, Kind, Result};
use crate::fault;
use crate::ops::context::Ops;
use crate::ops::transactions::branches::{delete_branch, is_gone};
use lakeport_lakefs::{self as lakefs, Lakefs, NewCommit};
use lakeport_transactions::{Failure, Retention, State, Transaction};
use lakeport_types::{BranchName, Ref};
use rand::RngExt;

/// What became of the branch that is to be kept.
pub(in crate::ops) enum Kept {
    /// It is there, or none is to be.
    Done(Transaction),
    /// lakeFS does not let it be made, and will not.
    Refused(Transaction, Error),
}

/// Makes the branch that is kept, where one is to be. Its name is stored before it is made, so that a second try makes no second
/// branch.
///
/// # Errors
/// When it cannot be made now.
pub(in crate::ops) async fn keep(ops: &Ops, lakefs: &Lakefs, row: Transaction) -> Result<Kept> {
    if !is_kept(&row) || row.is_kept_in_place() {
        return Ok(Kept::Done(row));
    }
    let mut row = row;
    match make_kept(ops, lakefs, &mut row).await {
        Ok(()) => Ok(Kept::Done(row)),
        Err(Unkept::Refused(error)) => Ok(Kept::Refused(row, error)),
        Err(Unkept::Later(error)) => Err(error),
    }
}

/// Why a branch is not kept.
enum Unkept {
    Refused(Error),
    Later(Error),
}

impl From<Error> for Unkept {
    fn from(error: Error) -> Self {
        Self::Later(error)
    }
}

impl Unkept {
    /// Whether lakeFS would say the same again. It says 401 to who may not and to who is nobody.
    async fn of(lakefs: &Lakefs, error: lakefs::Error) -> Self {
        let is_final = match error.kind() {
            lakefs::Kind::PermissionDenied
            | lakefs::Kind::HookRejected
            | lakefs::Kind::BranchProtected
            | lakefs::Kind::RepositoryReadOnly
            | lakefs::Kind::InvalidArgument => true,
            lakefs::Kind::Unauthenticated if lakefs.user().await.is_ok() => {
                return Self::Refused(Error::new(Kind::PermissionDenied, "lakeFS does not permit it").caused_by(error));
            }
            kind => is_gone(kind),
        };
        if is_final { Self::Refused(error.into()) } else { Self::Later(error.into()) }
    }
}

async fn make_kept(ops: &Ops, lakefs: &Lakefs, row: &mut Transaction) -> Result<(), Unkept> {
    let source = match &row.prepared_commit_id {
        Some(commit) => Ref::from(commit),
        None => match committed(lakefs, row).await {
            Err(Unkept::Refused(error)) if error.kind() == Kind::RefNotFound && was_kept(lakefs, row).await => {
                return Ok(());
            }
            source => source?,
        },
    };
    let is_chosen = |name: &BranchName| row.options.kept_branch.as_deref() == Some(name.as_str());
    if let Some(name) = row.kept_branch.clone().filter(is_chosen)
        && ops.is_for_another(lakefs, &row.owner).await
    {
        if lakefs.branch(&row.repository, &name).await.is_ok() && holds(lakefs, row, &name, &source).await? {
            return Ok(());
        }
        name_kept(ops, row, None).await?;
    }
    // A name that somebody else has taken meanwhile is given up for one that nobody can have.
    for _ in 0..2 {
        let name = match &row.kept_branch {
            Some(name) => name.clone(),
            None => {
                let chosen = chosen(ops, lakefs, row).await.map(str::to_owned);
                name_kept(ops, row, chosen.as_deref()).await?
            }
        };
        fault::before("kept").await;
        let made = lakefs.create_branch(&row.repository, &name, &source, false).await;
        fault::after("kept").await;
        match made {
            Ok(head) if row.prepared_commit_id.as_ref().is_none_or(|commit| commit.as_str() == head) => return Ok(()),
            Ok(_) => {
                delete_branch(lakefs, &row.repository, &name).await?;
                let message = "lakeFS made a branch from another commit than it was asked for: try again";
                return Err(Error::new(Kind::LakefsUnavailable, message).into());
            }
            Err(error) if error.kind() != lakefs::Kind::AlreadyExists => return Err(Unkept::of(lakefs, error).await),
            Err(_) if holds(lakefs, row, &name, &source).await? => return Ok(()),
            Err(_) => name_kept(ops, row, None).await?,
        };
    }
    Err(Error::new(Kind::BranchExists, "no name was free for the branch that is kept").into())
}

/// Whether it was kept by an earlier try, which deleted the branch that it was made from.
async fn was_kept(lakefs: &Lakefs, row: &Transaction) -> bool {
    match &row.kept_branch {
        Some(name) => lakefs.branch(&row.repository, name).await.is_ok(),
        None => false,
    }
}

/// Stores the name of the branch that is to be kept.
async fn name_kept(ops: &Ops, row: &mut Transaction, chosen: Option<&str>) -> Result<BranchName> {
    let name = kept_name(chosen)?;
    let named = row.keeping_branch(name.clone());
    *row = ops.store.swap(row, named).await?.ok_or_else(overtaken)?;
    Ok(name)
}

/// A branch that cannot be kept under another name stays under the one that it has, if that still holds what was written.
pub(in crate::ops) async fn left_in_place(
    ops: &Ops,
    lakefs: &Lakefs,
    row: Transaction,
    error: &Error,
) -> Result<Transaction> {
    let is_whole = row.state != State::Committed && row.prepared_commit_id.is_none();
    let is_in_place = is_whole
        && match lakefs.branch(&row.repository, &row.branch).await {
            Ok(_) => true,
            Err(error) if is_gone(error.kind()) => false,
            // Unknown: a branch that is not kept would be deleted.
            Err(error) => return Err(error.into()),
        };
    let next = row.branch_not_kept(unkept(error), is_in_place);
    ops.store.swap(&row, next).await?.ok_or_else(overtaken)
}

/// What a caller is told of a branch that could not be kept.
pub(in crate::ops) fn unkept(error: &Error) -> Failure {
    Failure {
        reason: error.kind().reason().to_owned(),
        message: format!("the branch that was to be kept cannot be made: {error}"),
        paths: Vec::new(),
    }
}

/// The name that the owner chose. The service's own right makes no branch that its owner may not be allowed to make.
async fn chosen<'r>(ops: &Ops, lakefs: &Lakefs, row: &'r Transaction) -> Option<&'r str> {
    let name = row.options.kept_branch.as_deref()?;
    if ops.is_for_another(lakefs, &row.owner).await { None } else { Some(name) }
}

fn overtaken() -> Error {
    Error::new(Kind::CommitInDoubt, "somebody else works on this transaction")
}

fn is_kept(row: &Transaction) -> bool {
    let merges = row.commit_request.as_ref().is_none_or(|request| request.merge);
    // A commit that is under way and has come so far ends well.
    let commits = matches!(row.state, State::Committed | State::Committing);
    match row.options.retention {
        // There is nothing that could be kept.
        _ if row.options.read_only || row.base_commit_id.is_none() => false,
        Retention::Keep => true,
        Retention::KeepOnFailure => !commits || !merges,
        Retention::Delete => commits && !merges,
    }
}

fn kept_name(chosen: Option<&str>) -> Result<BranchName> {
    let name = match chosen {
        Some(name) => name.to_owned(),
        None => format!("lakeport-kept-{:032x}", rand::rng().random::<u128>()),
    };
    BranchName::try_from(name).map_err(|error| Error::field("branch", error))
}

/// The live branch with what was written committed, since a branch takes nothing with it that is not.
async fn committed(lakefs: &Lakefs, row: &Transaction) -> Result<Ref, Unkept> {
    let message = format!("Kept of transaction {}", row.id);
    let commit = NewCommit { message, ..NewCommit::default() };
    match lakefs.commit(&row.repository, &row.branch, &commit).await {
        Ok(_) => Ok(Ref::from(&row.branch)),
        Err(error) if error.kind() == lakefs::Kind::NoChanges => Ok(Ref::from(&row.branch)),
        // Tried again later; what was committed by then is no change any more.
        Err(error) => Err(Unkept::of(lakefs, error).await),
    }
}

/// Whether a branch that is there comes from what is to be kept: then it is our own earlier try.
async fn holds(lakefs: &Lakefs, row: &Transaction, name: &BranchName, source: &Ref) -> Result<bool> {
    match lakefs.merge_base(&row.repository, source, &Ref::from(name)).await {
        Ok(base) => Ok(base.base == base.source),
        // There is nothing left that could be kept elsewhere.
        Err(error) if is_gone(error.kind()) => Ok(true),
        Err(error) => Err(error.into()),
    }
}
