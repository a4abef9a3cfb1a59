//! `tx commit`.

use crate::commands::merge::Strategy;
use crate::failure::{Result, While as _};
use crate::session::Session;
use crate::terminal::print_stderr;
use crate::values::{Pair, map};
use crate::views::transactions::committed;
use lakeport_client::CommitOptions;

/// Flags.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Repeating the command is safe: it finds the commit that was made. When it fails with code 4, and has not ended, the transaction is open again.")]
pub(crate) struct Args {
    /// The transaction
    id: String,
    /// What was done; by default it names the transaction
    #[arg(short, long, default_value = "", hide_default_value = true)]
    message: String,
    /// User metadata
    #[arg(long, value_name = "KEY=VALUE")]
    meta: Vec<Pair>,
    /// Tags to make on the merge
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// What becomes of conflicts
    #[arg(long, value_enum, default_value_t = Strategy::Fail)]
    strategy: Strategy,
    /// Make one commit of those that were made in the transaction
    #[arg(long)]
    squash: bool,
    /// Only commit, and keep the branch
    #[arg(long)]
    no_merge: bool,
    /// Change nothing, and fail if the merge would conflict
    #[arg(long)]
    validate_only: bool,
    /// Only if the transaction has this epoch
    #[arg(long, value_name = "NUMBER")]
    if_epoch: Option<i64>,
}

/// Commits a transaction.
///
/// # Errors
/// When it failed.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let options = CommitOptions {
        message: args.message,
        metadata: map(args.meta),
        strategy: args.strategy.into(),
        squash: args.squash,
        skip_merge: args.no_merge,
        tags: args.tag,
        validate_only: args.validate_only,
        if_epoch: args.if_epoch,
    };
    let done = session.client.commit(&args.id, options).await.during(|| format!("commit {}", args.id))?;
    for tag in &done.failed_tags {
        print_stderr(format_args!("lakeport: the tag {tag} could not be made; the transaction is committed"));
    }
    if !done.merged && !args.validate_only && !args.no_merge {
        print_stderr(format_args!(
            "lakeport: nothing was changed in the transaction: this is the commit that the base has"
        ));
    }
    // A validation that found nothing has no commit to print.
    if args.validate_only { Ok(()) } else { session.out.put(&committed(&done)) }
}
