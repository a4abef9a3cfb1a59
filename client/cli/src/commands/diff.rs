//! `diff`.

use crate::failure::{Result, While as _};
use crate::session::{Session, usage};
use crate::uri::{Version, VersionUri};
use crate::views::versions::difference;
use lakeport_client::v1::{DiffMode, DiffRequest};

/// Flags.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
With one ref, a branch, it shows what is uncommitted on it; of a transaction, what it changed since it began. With two, it
shows what the right one changed since the two parted, and marks with ! what the left one changed too.")]
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
    let request = request(&args)?;
    let what = || format!("compare {}", args.left);
    let entries = session.client.diff(request).await.during(what)?;
    session.put_all(entries, difference, what).await
}

fn request(args: &Args) -> Result<DiffRequest> {
    let repository = args.left.repository.clone();
    let base = DiffRequest { repository, prefix: args.prefix.clone(), ..DiffRequest::default() };
    let two = if args.two_dot { DiffMode::TwoDot } else { DiffMode::ThreeDot };
    match (&args.left.version, &args.right) {
        (Version::Transaction(id), None) => {
            Ok(DiffRequest { transaction_id: id.clone(), mode: DiffMode::ThreeDot.into(), ..base })
        }
        (Version::Ref(left), None) => {
            Ok(DiffRequest { r#ref: left.clone(), mode: DiffMode::Uncommitted.into(), ..base })
        }
        (_, Some(right)) if right.repository != args.left.repository => usage("both refs must be in one repository"),
        (Version::Ref(left), Some(VersionUri { version: Version::Ref(right), .. })) => {
            Ok(DiffRequest { r#ref: left.clone(), right_ref: right.clone(), mode: two.into(), ..base })
        }
        _ => usage("a transaction is compared with its base: name it alone"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(left: &str, right: Option<&str>, two_dot: bool) -> Result<DiffRequest> {
        let right = right.map(|right| right.parse().unwrap());
        request(&Args { left: left.parse().unwrap(), right, two_dot, prefix: String::new() })
    }

    #[test]
    fn one_ref_is_what_is_uncommitted_and_two_are_compared() {
        assert_eq!(asked("lakefs://r/main", None, false).unwrap().mode(), DiffMode::Uncommitted);
        let two = asked("lakefs://r/main", Some("lakefs://r/dev"), false).unwrap();
        assert_eq!((two.mode(), two.right_ref.as_str()), (DiffMode::ThreeDot, "dev"));
        assert_eq!(asked("lakefs://r/a", Some("lakefs://r/b"), true).unwrap().mode(), DiffMode::TwoDot);
        let tx = asked("lakefs://r/tx:t", None, false).unwrap();
        assert_eq!((tx.r#ref.as_str(), tx.transaction_id.as_str()), ("", "t"));
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        assert!(asked("lakefs://r/main", Some("lakefs://s/main"), false).is_err());
        assert!(asked("lakefs://r/tx:t", Some("lakefs://r/main"), false).is_err());
    }
}
