//! `tx begin`.

use crate::failure::{Result, While as _};
use crate::session::Session;
use crate::uri::RefUri;
use crate::values::{Pair, map, proto_span, span};
use crate::views::transactions::begun;
use lakeport_client::v1::{BeginTransactionRequest, BranchRetention};
use std::time::Duration;

/// What becomes of the branch that a transaction works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Keep {
    /// It is left if the transaction does not commit
    OnFailure,
    /// It is left
    Always,
}

impl From<Keep> for BranchRetention {
    fn from(keep: Keep) -> Self {
        match keep {
            Keep::OnFailure => Self::KeepOnFailure,
            Keep::Always => Self::Keep,
        }
    }
}

/// Flags.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// lakefs://REPOSITORY/BRANCH: where it begins, and where it is published
    base: RefUri,
    /// Its ID, 1 to 64 letters, digits, _ and -; by default the server chooses. With one, repeating the command is safe
    #[arg(long, default_value = "", hide_default_value = true)]
    id: String,
    /// It ends if nothing is called in it for so long: 10s to 24h, by default 10m
    #[arg(long, value_parser = span, value_name = "TIME")]
    idle_timeout: Option<Duration>,
    /// It ends after so long, whatever is called: 10s to 7d, by default 24h
    #[arg(long, value_parser = span, value_name = "TIME")]
    lifetime: Option<Duration>,
    /// Only read, all from the commit that the branch has now
    #[arg(long)]
    read_only: bool,
    /// Leave a branch with what was written
    #[arg(long, value_enum, value_name = "WHEN")]
    keep_branch: Option<Keep>,
    /// The name of that branch
    #[arg(long, default_value = "", hide_default_value = true, requires = "keep_branch", value_name = "NAME")]
    branch: String,
    /// Your own words about it
    #[arg(long, value_name = "KEY=VALUE")]
    label: Vec<Pair>,
}

/// Begins a transaction.
///
/// # Errors
/// When it failed.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let retention = args.keep_branch.map_or(BranchRetention::Delete, BranchRetention::from);
    let request = BeginTransactionRequest {
        repository: args.base.repository.clone(),
        base_branch: args.base.name.clone(),
        transaction_id: args.id,
        idle_timeout: args.idle_timeout.and_then(proto_span),
        lifetime: args.lifetime.and_then(proto_span),
        read_only: args.read_only,
        branch: args.branch,
        branch_retention: retention.into(),
        labels: map(args.label),
    };
    let begun_now = session.client.begin(request).await.during(|| format!("begin a transaction on {}", args.base))?;
    session.out.put(&begun(&begun_now))
}
