//! Hints for failures.

use lakeport_client::ErrorReason;

/// Returns what the user can do about a failure, if that is obvious.
pub(crate) fn hint(reason: ErrorReason) -> Option<&'static str> {
    use ErrorReason as R;
    Some(match reason {
        R::RefNotABranch => "tags and commits are read-only: name a branch or a transaction",
        R::RepositoryNotFound => "`lakeport repo ls` lists the repositories",
        R::RefNotFound => "`lakeport branch ls` and `lakeport tag ls` list the branches and tags",
        R::TransactionNotFound => "`lakeport tx ls` lists your transactions; ended ones are listed for a limited time",
        R::ObjectExists => "without --no-clobber, the command replaces the object",
        R::BaseDirty => "commit or reset the uncommitted changes of the branch, then try again",
        R::MergeConflict => {
            "both sides changed the same paths: `lakeport tx changes` and `lakeport diff` mark them; --strategy of `merge` and \
             `tx commit` chooses a side"
        }
        R::TransactionExpired => "begin another transaction; --idle-timeout and --lifetime give it more time",
        R::TransactionReadOnly => "to write, begin a transaction without --read-only",
        R::Unauthenticated => {
            "set LAKECTL_CREDENTIALS_ACCESS_KEY_ID and LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY, or run `lakectl config`"
        }
        R::NoChanges => "`lakeport commit --allow-empty` commits without changes",
        R::BranchProtected => "write in a transaction, or write to another branch and merge it",
        R::CommitInDoubt | R::WriteInDoubt => "retry the command: this is safe, and returns the outcome",
        R::OutcomeUnknown => {
            "the command may have succeeded: check, for example with `lakeport log`, before you retry it"
        }
        R::Overloaded => "try again later, or use a smaller --parallelism",
        R::TooManyTransactions => {
            "commit or roll back some of the transactions that `lakeport tx ls --state open` lists"
        }
        R::LakefsFailed => "fix the cause in lakeFS, then run the command again",
        R::StorageFull => "the operator of the server must free disk space",
        R::Corrupt => "the operator of the server must restore the damaged data from a backup",
        R::LakefsUnavailable | R::SessionStoreUnavailable | R::ShuttingDown => "try again in a moment",
        _ => return None,
    })
}
