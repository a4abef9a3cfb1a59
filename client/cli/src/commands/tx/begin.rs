//! `lakeport tx begin`.

use crate::failure::{Context as _, Result};
use crate::session::Session;
use crate::uri::RefUri;
use crate::values::{Pair, map, parse_duration, proto_duration};
use crate::views::transactions::begun;
use lakeport_client::v1::{BeginTransactionRequest, BranchRetention};
use std::time::Duration;

/// When to keep the branch of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Keep {
    /// Keep the branch if the transaction does not commit
    OnFailure,
    /// Always keep the branch
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

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Begin from and merge into lakefs://REPOSITORY/BRANCH
    base: RefUri,
    /// Transaction ID: 1 to 64 letters, digits, _ and -; by default chosen by the server. With --id, retrying the command is safe
    #[arg(long, default_value = "", hide_default_value = true)]
    id: String,
    /// Expire the transaction after this time without a call in it: 10s to 24h, by default 10m
    #[arg(long, value_parser = parse_duration, value_name = "DURATION")]
    idle_timeout: Option<Duration>,
    /// Expire the transaction after this time even if it is in use: 10s to 7d, by default 24h
    #[arg(long, value_parser = parse_duration, value_name = "DURATION")]
    lifetime: Option<Duration>,
    /// Allow only reads, all from the current commit of the branch
    #[arg(long)]
    read_only: bool,
    /// Keep a branch with the changes after the transaction ends
    #[arg(long, value_enum, value_name = "WHEN")]
    keep_branch: Option<Keep>,
    /// Name of the kept branch
    #[arg(long, default_value = "", hide_default_value = true, requires = "keep_branch", value_name = "NAME")]
    branch: String,
    /// Label of the transaction
    #[arg(long, value_name = "KEY=VALUE")]
    label: Vec<Pair>,
}

/// Begins a transaction, and prints its ID.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let retention = args.keep_branch.map_or(BranchRetention::Delete, BranchRetention::from);
    let request = BeginTransactionRequest {
        repository: args.base.repository.clone(),
        base_branch: args.base.name.clone(),
        transaction_id: args.id,
        idle_timeout: args.idle_timeout.and_then(proto_duration),
        lifetime: args.lifetime.and_then(proto_duration),
        read_only: args.read_only,
        branch: args.branch,
        branch_retention: retention.into(),
        labels: map(args.label),
    };
    let begun_now =
        session.client.begin(request).await.with_context(|| format!("begin a transaction on {}", args.base))?;
    session.out.print(&begun(&begun_now))
}
