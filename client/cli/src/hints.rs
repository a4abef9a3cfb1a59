//! What may help.

use lakeport_client::ErrorReason;

/// What the caller can do about a failure, where that is obvious.
pub(crate) fn hint(reason: ErrorReason) -> Option<&'static str> {
    use ErrorReason as R;
    Some(match reason {
        R::RefNotABranch => "tags and commits cannot be written to: name a branch or a transaction",
        R::RepositoryNotFound => "`lakeport repo ls` shows the repositories",
        R::RefNotFound => "`lakeport branch ls` and `lakeport tag ls` show what there is",
        R::TransactionNotFound => "`lakeport tx ls` shows your transactions; those that ended are kept for a while",
        R::ObjectExists => "without --no-clobber it would be replaced",
        R::BaseDirty => "commit or reset what is uncommitted on the branch, then try again",
        R::MergeConflict => {
            "both sides changed the same paths: `lakeport tx changes` or `lakeport diff` marks them; of `merge` and `tx commit`, \
             --strategy chooses a side"
        }
        R::TransactionExpired => "begin another one; --idle-timeout and --lifetime give it more time",
        R::TransactionReadOnly => "begin it without --read-only to write",
        R::Unauthenticated => {
            "set LAKECTL_CREDENTIALS_ACCESS_KEY_ID and LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY, or run `lakectl config`"
        }
        R::BranchProtected => "write in a transaction, or to another branch, and merge",
        R::CommitInDoubt | R::WriteInDoubt => "repeat the command: it is safe, and tells what became of it",
        R::OutcomeUnknown => "it may have been done: look, for example with `lakeport log`, before repeating it",
        R::Overloaded => "try again later, or with a smaller --parallelism",
        R::TooManyTransactions => "commit or roll back some: `lakeport tx ls --state open`",
        R::LakefsUnavailable | R::SessionStoreUnavailable | R::ShuttingDown => "try again in a moment",
        _ => return None,
    })
}
