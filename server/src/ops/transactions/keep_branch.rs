//! Keeps the contents of a finished transaction on a new branch.

use crate::error::{Error, Kind, Result};
use crate::fault;
use crate::ops::branches::{delete_branch, is_gone, until_definite};
use crate::ops::commit_id::commit_id;
use crate::ops::context::Ops;
use crate::timing::millis;
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
    if !keeps_branch(&row) || row.kept_head.is_some() {
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

/// Creates the kept branch, and stores its head once lakeFS has confirmed it.
async fn create_kept_branch(ops: &Ops, lakefs: &Lakefs, row: &mut Transaction) -> Result<(), NotKept> {
    let head = match source(lakefs, row).await? {
        Some(source) => create_from(ops, lakefs, row, &source).await?,
        None => head_of_kept(lakefs, row).await?,
    };
    let kept = row.branch_kept(commit_id(head)?);
    *row = ops.store.swap(row, kept).await.map_err(Error::from)?.ok_or_else(superseded)?;
    Ok(())
}

/// Returns what the kept branch is created from: the prepared commit, or the live branch with all writes committed. `None` if the
/// live branch is gone, and an earlier attempt may have created the kept branch.
async fn source(lakefs: &Lakefs, row: &Transaction) -> Result<Option<Ref>, NotKept> {
    match &row.prepared_commit_id {
        Some(commit) => Ok(Some(Ref::from(commit))),
        None => match commit_live_branch(lakefs, row).await {
            Err(NotKept::Refused(error)) if error.kind() == Kind::RefNotFound && row.kept_branch.is_some() => Ok(None),
            source => source.map(Some),
        },
    }
}

/// Returns the head of the kept branch, if an earlier attempt created it. Only another client of lakeFS can have deleted the live
/// branch before: the server deletes it only after the kept branch is confirmed.
async fn head_of_kept(lakefs: &Lakefs, row: &Transaction) -> Result<String, NotKept> {
    let gone =
        || Error::new(Kind::RefNotFound, format!("the branch of transaction {} and its writes were deleted", row.id));
    let name = row.kept_branch.as_ref().ok_or_else(|| NotKept::Refused(gone()))?;
    match lakefs.branch(&row.repository, name).await {
        Ok(branch) => Ok(branch.commit_id),
        Err(error) if is_gone(error.kind()) => Err(NotKept::Refused(gone())),
        Err(error) => Err(Error::from(error).into()),
    }
}

/// Creates the kept branch, and returns its head.
async fn create_from(ops: &Ops, lakefs: &Lakefs, row: &mut Transaction, source: &Ref) -> Result<String, NotKept> {
    let is_chosen = |name: &BranchName| row.options.kept_branch.as_deref() == Some(name.as_str());
    if let Some(name) = row.kept_branch.clone().filter(is_chosen)
        && ops.is_for_another(lakefs, &row.owner).await
    {
        if let Some(head) = made_by_owner(ops, lakefs, row, &name, source).await? {
            return Ok(head);
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
        let created = until_definite(|| lakefs.create_branch(&row.repository, &name, source, false)).await;
        fault::after("kept").await;
        match created {
            Ok(head) if row.prepared_commit_id.as_ref().is_none_or(|commit| commit.as_str() == head) => {
                return Ok(head);
            }
            Ok(_) => {
                delete_branch(lakefs, &row.repository, &name).await?;
                let message =
                    format!("lakeFS created branch {name} from another commit than {}: try again", source.as_str());
                return Err(Error::new(Kind::LakefsUnavailable, message).into());
            }
            Err(error) if error.kind() != lakefs::Kind::AlreadyExists => {
                return Err(NotKept::from_lakefs(lakefs, error).await);
            }
            Err(_) => match head_if_made_from(lakefs, row, &name, source).await? {
                Some(head) => return Ok(head),
                None => store_name(ops, row, None).await?,
            },
        };
    }
    Err(Error::new(
        Kind::BranchExists,
        "the names tried for the kept branch are in use: the server tries again with another name",
    )
    .into())
}

/// Returns the head of the branch that the owner's own request created. The service must not create a branch with a name that the
/// owner chose. While that request may still take effect, this fails, so that no second branch is kept.
async fn made_by_owner(
    ops: &Ops,
    lakefs: &Lakefs,
    row: &Transaction,
    name: &BranchName,
    source: &Ref,
) -> Result<Option<String>> {
    if let Some(head) = head_if_made_from(lakefs, row, name, source).await? {
        return Ok(Some(head));
    }
    let may_land_until = row.kept_branch_time.unwrap_or(row.read_at) + millis(ops.timing.settle);
    if may_land_until > row.read_at {
        let message = format!("an earlier request may still create branch {name}: the server looks again later");
        return Err(Error::new(Kind::LakefsUnavailable, message));
    }
    Ok(None)
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
    let in_place = match is_whole {
        false => None,
        true => match lakefs.branch(&row.repository, &row.branch).await {
            Ok(branch) => Some(commit_id(branch.commit_id)?),
            Err(error) if is_gone(error.kind()) => None,
            // It is unknown whether the branch exists. If it were not kept now, the cleanup would delete it.
            Err(error) => return Err(error.into()),
        },
    };
    let next = row.branch_not_kept(not_kept(error), in_place);
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

/// Returns whether the retention asks for a branch whose creation has neither been confirmed nor failed.
pub(in crate::ops) fn is_being_kept(row: &Transaction) -> bool {
    keeps_branch(row) && !row.is_clean && row.kept_head.is_none() && row.failure.is_none()
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

/// Returns the head of a branch that exists and contains the source: an earlier attempt created it. `None` if the branch does not
/// exist, or comes from elsewhere.
async fn head_if_made_from(
    lakefs: &Lakefs,
    row: &Transaction,
    name: &BranchName,
    source: &Ref,
) -> Result<Option<String>> {
    let head = match lakefs.branch(&row.repository, name).await {
        Ok(branch) => branch.commit_id,
        Err(error) if is_gone(error.kind()) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let base = lakefs.merge_base(&row.repository, source, &Ref::from(name)).await?;
    Ok((base.base == base.source).then_some(head))
}
