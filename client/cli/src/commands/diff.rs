//! `lakeport diff`.

use crate::failure::{Context as _, Result};
use crate::session::{Session, usage_error};
use crate::uri::{Version, VersionUri};
use crate::views::transactions::changed;
use crate::views::versions::difference;
use lakeport_client::v1::{DiffMode, DiffRequest};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
With one branch, shows its uncommitted changes. With one transaction, shows its changes since it began, like tx changes. With two
refs, shows the changes of the right ref since the merge base, and marks with ! the paths that the left ref changed too.")]
pub(crate) struct Args {
    /// lakefs://REPOSITORY/REF
    left: VersionUri,
    /// lakefs://REPOSITORY/REF
    right: Option<VersionUri>,
    /// Compare the two refs directly, not from their merge base
    #[arg(long, requires = "right")]
    two_dot: bool,
    /// Show only paths with this prefix
    #[arg(long, default_value = "", hide_default_value = true)]
    prefix: String,
}

/// Prints the differences.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let what = || format!("compare {}", args.left);
    match comparison(&args)? {
        Comparison::Refs(request) => {
            let entries = session.client.diff(request).await.with_context(what)?;
            session.print_all(entries, difference, what).await
        }
        Comparison::Transaction(id) => {
            let changes = session.client.transaction_changes(id, &args.prefix).await.with_context(what)?;
            session.print_all(changes, changed, what).await
        }
    }
}

/// The two sides of a comparison.
#[derive(Debug)]
enum Comparison<'a> {
    /// Two refs, or a branch and its uncommitted changes.
    Refs(DiffRequest),
    /// A transaction and its base commit. A diff of the transaction's branch would omit uncommitted changes, and most changes in a
    /// transaction are uncommitted.
    Transaction(&'a str),
}

fn comparison(args: &Args) -> Result<Comparison<'_>> {
    let repository = args.left.repository.clone();
    let base = DiffRequest { repository, prefix: args.prefix.clone(), ..DiffRequest::default() };
    let two = if args.two_dot { DiffMode::TwoDot } else { DiffMode::ThreeDot };
    match (&args.left.version, &args.right) {
        (Version::Transaction(id), None) => Ok(Comparison::Transaction(id)),
        (Version::Ref(left), None) => {
            let mode = DiffMode::Uncommitted.into();
            Ok(Comparison::Refs(DiffRequest { r#ref: left.clone(), mode, ..base }))
        }
        (_, Some(right)) if right.repository != args.left.repository => {
            usage_error("both refs must be in one repository")
        }
        (Version::Ref(left), Some(VersionUri { version: Version::Ref(right), .. })) => {
            let (left, right, mode) = (left.clone(), right.clone(), two.into());
            Ok(Comparison::Refs(DiffRequest { r#ref: left, right_ref: right, mode, ..base }))
        }
        _ => usage_error("a transaction can only be compared with its base: name only the transaction"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(left: &str, right: Option<&str>, two_dot: bool) -> Args {
        let right = right.map(|right| right.parse().unwrap());
        Args { left: left.parse().unwrap(), right, two_dot, prefix: String::new() }
    }

    fn request(left: &str, right: Option<&str>, two_dot: bool) -> DiffRequest {
        match comparison(&args(left, right, two_dot)).unwrap() {
            Comparison::Refs(request) => request,
            Comparison::Transaction(id) => panic!("{id} is a transaction"),
        }
    }

    #[test]
    fn one_ref_shows_uncommitted_changes_and_two_refs_are_compared() {
        assert_eq!(request("lakefs://r/main", None, false).mode(), DiffMode::Uncommitted);
        let two = request("lakefs://r/main", Some("lakefs://r/dev"), false);
        assert_eq!((two.mode(), two.right_ref.as_str()), (DiffMode::ThreeDot, "dev"));
        assert_eq!(request("lakefs://r/a", Some("lakefs://r/b"), true).mode(), DiffMode::TwoDot);
    }

    #[test]
    fn transaction_is_compared_with_its_base() {
        let args = args("lakefs://r/tx:t", None, false);
        assert!(matches!(comparison(&args).unwrap(), Comparison::Transaction("t")));
    }

    #[test]
    fn invalid_comparisons_are_rejected() {
        assert!(comparison(&args("lakefs://r/main", Some("lakefs://s/main"), false)).is_err());
        assert!(comparison(&args("lakefs://r/tx:t", Some("lakefs://r/main"), false)).is_err());
    }
}
