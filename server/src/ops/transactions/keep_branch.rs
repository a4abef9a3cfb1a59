//! Keeps the contents of a finished transaction on a new branch.

use crate::error::{Error, Kind, Result};
use crate::fault;
use crate::ops::context::Ops;
use crate::ops::transactions::branches::{delete_branch, is_gone};
use lakeport_lakefs::{self as lakefs, Lakefs, NewCommit};
use lakeport_transactions::{Failure, Retention, State, Transaction};
use lakeport_types::{BranchName, Ref};
use rand::RngExt;

/// Result of keeping a branch.
pub(in crate::ops) enum Kept {
    /// The kept branch exists, or the transaction keeps none.
    Done(Transaction),
    /// lakeFS rejected the branch, and a retry would fail, too.
    Refused(Transaction, Error),
}

/// Creates the kept branch, if the retention of the transaction asks for one. Its name is stored before it is created,
/// so that a second attempt creates no second branch.
///
/// # Errors
/// If the branch cannot be created now, and a later attempt may succeed.
pub(in crate::ops) async fn keep(ops: &Ops, lakefs: &Lakefs, row: Transaction) -> Result<Kept> {
    if !keeps_branch(&row) || row.is_kept_in_place() {
        return Ok(Kept::Done(row));
    }
    let mut row = row;
    match create_kept_branch(ops, lakefs, &mut row).await {
        Ok(()) => Ok(Kept::Done(row)),
        Err(NotKept::Refused(error)) => Ok(Kept::Refused(row, error)),
        Err(NotKept::Later(error)) => Err(error),
    }
}

/// Why a branch could not be kept.
enum NotKept {
    /// A later attempt would fail, too.
    Refused(Error),
    /// A later attempt may succeed.
    Later(Error),
}

impl From<Error> for NotKept {
    fn from(error: Error) -> Self {
        Self::Later(error)
    }
}

impl NotKept {
    /// Classifies an error of lakeFS. lakeFS returns 401 both for missing permissions and for invalid credentials, so
    /// this checks whether the credentials are valid.
    async fn from_lakefs(lakefs: &Lakefs, error: lakefs::Error) -> Self {
        let is_final = match error.kind() {
            lakefs::Kind::PermissionDenied
            | lakefs::Kind::HookRejected
            | lakefs::Kind::BranchProtected
            | lakefs::Kind::RepositoryReadOnly
            | lakefs::Kind::InvalidArgument => true,
            lakefs::Kind::Unauthenticated if lakefs.user().await.is_ok() => {
                return Self::Refused(
                    Error::new(
                        Kind::PermissionDenied,
                        "lakeFS denies this account the permission to create the branch",
                    )
                    .caused_by(error),
                );
            }
            kind => is_gone(kind),
        };
        if is_final { Self::Refused(error.into()) } else { Self::Later(error.into()) }
    }
}

async fn create_kept_branch(ops: &Ops, lakefs: &Lakefs, row: &mut Transaction) -> Result<(), NotKept> {
    let source = match &row.prepared_commit_id {
        Some(commit) => Ref::from(commit),
        None => match commit_live_branch(lakefs, row).await {
            Err(NotKept::Refused(error)) if error.kind() == Kind::RefNotFound && is_already_kept(lakefs, row).await => {
                return Ok(());
            }
            source => source?,
        },
    };
    let is_chosen = |name: &BranchName| row.options.kept_branch.as_deref() == Some(name.as_str());
    if let Some(name) = row.kept_branch.clone().filter(is_chosen)
        && ops.is_for_another(lakefs, &row.owner).await
    {
        if lakefs.branch(&row.repository, &name).await.is_ok() && contains(lakefs, row, &name, &source).await? {
            return Ok(());
        }
        store_name(ops, row, None).await?;
    }
    // If another branch has the name, the second attempt uses a random one.
    for _ in 0..2 {
        let name = match &row.kept_branch {
            Some(name) => name.clone(),
            None => {
                let chosen = chosen_name(ops, lakefs, row).await.map(str::to_owned);
                store_name(ops, row, chosen.as_deref()).await?
            }
        };
        fault::before("kept").await;
        let created = lakefs.create_branch(&row.repository, &name, &source, false).await;
        fault::after("kept").await;
        match created {
            Ok(head) if row.prepared_commit_id.as_ref().is_none_or(|commit| commit.as_str() == head) => return Ok(()),
            Ok(_) => {
                delete_branch(lakefs, &row.repository, &name).await?;
                let message =
                    format!("lakeFS created branch {name} from another commit than {}: try again", source.as_str());
                return Err(Error::new(Kind::LakefsUnavailable, message).into());
            }
            Err(error) if error.kind() != lakefs::Kind::AlreadyExists => {
                return Err(NotKept::from_lakefs(lakefs, error).await);
            }
            Err(_) if contains(lakefs, row, &name, &source).await? => return Ok(()),
            Err(_) => store_name(ops, row, None).await?,
        };
    }
    Err(Error::new(
        Kind::BranchExists,
        "the names tried for the kept branch are in use: the server tries again with another name",
    )
    .into())
}

/// Returns whether an earlier attempt created the kept branch and then deleted the live one.
async fn is_already_kept(lakefs: &Lakefs, row: &Transaction) -> bool {
    match &row.kept_branch {
        Some(name) => lakefs.branch(&row.repository, name).await.is_ok(),
        None => false,
    }
}

/// Stores the name of the kept branch before it is created.
async fn store_name(ops: &Ops, row: &mut Transaction, chosen: Option<&str>) -> Result<BranchName> {
    let name = kept_name(chosen)?;
    let named = row.keeping_branch(name.clone());
    *row = ops.store.swap(row, named).await?.ok_or_else(superseded)?;
    Ok(name)
}

/// If no kept branch can be created, keeps the live branch, provided that it exists and has all writes.
pub(in crate::ops) async fn keep_in_place(
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
            // It is unknown whether the branch exists. If it were not kept now, the cleanup would delete it.
            Err(error) => return Err(error.into()),
        };
    let next = row.branch_not_kept(not_kept(error), is_in_place);
    ops.store.swap(&row, next).await?.ok_or_else(superseded)
}

/// The failure that a caller sees if the branch could not be kept.
pub(in crate::ops) fn not_kept(error: &Error) -> Failure {
    Failure {
        reason: error.kind().reason().to_owned(),
        message: format!("cannot create the branch to keep: {error}"),
        paths: Vec::new(),
    }
}

/// Returns the name that the owner chose. If the service's account acts for the owner, the name is not used, since the
/// owner may lack the permission to create this branch.
async fn chosen_name<'r>(ops: &Ops, lakefs: &Lakefs, row: &'r Transaction) -> Option<&'r str> {
    let name = row.options.kept_branch.as_deref()?;
    if ops.is_for_another(lakefs, &row.owner).await { None } else { Some(name) }
}

fn superseded() -> Error {
    Error::new(Kind::CommitInDoubt, "another worker has taken over this transaction: retry the same request")
}

/// Returns whether the retention of the transaction asks for a branch.
fn keeps_branch(row: &Transaction) -> bool {
    let merges = row.commit_request.as_ref().is_none_or(|request| request.merge);
    // A worker calls this only after publishing, so COMMITTING counts as COMMITTED.
    let commits = matches!(row.state, State::Committed | State::Committing);
    match row.options.retention {
        // Without a branch there is nothing to keep.
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

/// Commits the staged writes on the live branch and returns the branch. A branch created from it has only committed writes.
async fn commit_live_branch(lakefs: &Lakefs, row: &Transaction) -> Result<Ref, NotKept> {
    let message = format!("Kept from transaction {}", row.id);
    let commit = NewCommit { message, ..NewCommit::default() };
    match lakefs.commit(&row.repository, &row.branch, &commit).await {
        Ok(_) => Ok(Ref::from(&row.branch)),
        Err(error) if error.kind() == lakefs::Kind::NoChanges => Ok(Ref::from(&row.branch)),
        // A later attempt is safe: if this commit took effect, it finds no changes.
        Err(error) => Err(NotKept::from_lakefs(lakefs, error).await),
    }
}

/// Returns whether an existing branch contains the source. Then an earlier attempt created it.
async fn contains(lakefs: &Lakefs, row: &Transaction, name: &BranchName, source: &Ref) -> Result<bool> {
    match lakefs.merge_base(&row.repository, source, &Ref::from(name)).await {
        Ok(base) => Ok(base.base == base.source),
        // The source no longer exists, so no other branch could be created from it.
        Err(error) if is_gone(error.kind()) => Ok(true),
        Err(error) => Err(error.into()),
    }
}
