//! `lakeport tx commit`.

use crate::commands::merge::Strategy;
use crate::failure::{Context as _, Result};
use crate::session::Session;
use crate::terminal::print_stderr;
use crate::values::{Pair, map};
use crate::views::transactions::committed;
use lakeport_client::CommitOptions;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Retrying the command is safe: it returns the same commit. If the command fails with exit code 4 and the transaction has not ended, the
transaction is open again.")]
pub(crate) struct Args {
    /// Transaction ID
    id: String,
    /// Commit message; by default it contains the transaction ID
    #[arg(short, long, default_value = "", hide_default_value = true)]
    message: String,
    /// User metadata of the commit
    #[arg(long, value_name = "KEY=VALUE")]
    meta: Vec<Pair>,
    /// Tag to create on the merge commit
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// How to resolve conflicts
    #[arg(long, value_enum, default_value_t = Strategy::Fail)]
    strategy: Strategy,
    /// Squash the commits of the transaction into one
    #[arg(long)]
    squash: bool,
    /// Commit without merging, and keep the branch
    #[arg(long)]
    no_merge: bool,
    /// Change nothing, and fail if the merge would conflict
    #[arg(long)]
    validate_only: bool,
    /// Commit only if the transaction has this epoch
    #[arg(long, value_name = "NUMBER")]
    if_epoch: Option<i64>,
}

/// Commits a transaction, and prints the commit ID.
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
    let done = session.client.commit(&args.id, options).await.with_context(|| format!("commit {}", args.id))?;
    for tag in &done.failed_tags {
        print_stderr(format_args!("lakeport: could not create the tag {tag}; the transaction is committed"));
    }
    if !done.merged && !args.validate_only && !args.no_merge {
        print_stderr("lakeport: the transaction has no changes; the printed commit is the head of the base branch");
    }
    // A successful validation has no commit to print.
    if args.validate_only { Ok(()) } else { session.out.print(&committed(&done)) }
}
