//! `diff`.

use crate::failure::{Result, While as _};
use crate::session::{Session, usage};
use crate::uri::{Version, VersionUri};
use crate::views::transactions::changed;
use crate::views::versions::difference;
use lakeport_client::v1::{DiffMode, DiffRequest};

/// Flags.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
With one ref, a branch, it shows what is uncommitted on it; of a transaction, what it changed since it began, as tx changes
does. With two, it shows what the right one changed since the two parted, and marks with ! what the left one changed too.")]
pub(crate) struct Args {
    /// lakefs://REPOSITORY/REF
    left: VersionUri,
    /// lakefs://REPOSITORY/REF
    right: Option<VersionUri>,
    /// Compare the two as they are, not since they parted
    #[arg(long, requires = "right")]
    two_dot: bool,
    /// Only paths that begin so
    #[arg(long, default_value = "", hide_default_value = true)]
    prefix: String,
}

/// Shows differences.
///
/// # Errors
/// When they cannot be found.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let what = || format!("compare {}", args.left);
    match comparison(&args)? {
        Comparison::Refs(request) => {
            let entries = session.client.diff(request).await.during(what)?;
            session.put_all(entries, difference, what).await
        }
        Comparison::Transaction(id) => {
            let changes = session.client.transaction_changes(id, &args.prefix).await.during(what)?;
            session.put_all(changes, changed, what).await
        }
    }
}

/// What is compared.
#[derive(Debug)]
enum Comparison<'a> {
    /// Two refs, or a branch and what is uncommitted on it.
    Refs(DiffRequest),
    /// A transaction and its base. A diff of its branch would leave out what is not committed there, which is mostly all.
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
        (_, Some(right)) if right.repository != args.left.repository => usage("both refs must be in one repository"),
        (Version::Ref(left), Some(VersionUri { version: Version::Ref(right), .. })) => {
            let (left, right, mode) = (left.clone(), right.clone(), two.into());
            Ok(Comparison::Refs(DiffRequest { r#ref: left, right_ref: right, mode, ..base }))
        }
        _ => usage("a transaction is compared with its base: name it alone"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(left: &str, right: Option<&str>, two_dot: bool) -> Args {
        let right = right.map(|right| right.parse().unwrap());
        Args { left: left.parse().unwrap(), right, two_dot, prefix: String::new() }
    }

    fn asked(left: &str, right: Option<&str>, two_dot: bool) -> DiffRequest {
        match comparison(&args(left, right, two_dot)).unwrap() {
            Comparison::Refs(request) => request,
            Comparison::Transaction(id) => panic!("{id} has no refs"),
        }
    }

    #[test]
    fn one_ref_is_what_is_uncommitted_and_two_are_compared() {
        assert_eq!(asked("lakefs://r/main", None, false).mode(), DiffMode::Uncommitted);
        let two = asked("lakefs://r/main", Some("lakefs://r/dev"), false);
        assert_eq!((two.mode(), two.right_ref.as_str()), (DiffMode::ThreeDot, "dev"));
        assert_eq!(asked("lakefs://r/a", Some("lakefs://r/b"), true).mode(), DiffMode::TwoDot);
    }

    #[test]
    fn a_transaction_is_compared_with_what_is_not_committed_in_it() {
        let args = args("lakefs://r/tx:t", None, false);
        assert!(matches!(comparison(&args).unwrap(), Comparison::Transaction("t")));
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        assert!(comparison(&args("lakefs://r/main", Some("lakefs://s/main"), false)).is_err());
        assert!(comparison(&args("lakefs://r/tx:t", Some("lakefs://r/main"), false)).is_err());
    }
}
