//! `lakeport log`.

use crate::failure::{Context as _, Result};
use crate::session::Session;
use crate::uri::VersionUri;
use crate::values::parse_duration;
use crate::views::versions::commit;
use lakeport_client::v1::LogRequest;
use std::time::{Duration, SystemTime};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// lakefs://REPOSITORY/REF
    uri: VersionUri,
    /// Show at most this number of commits; 0 for no limit
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    limit: i64,
    /// Follow only the first parent of each commit
    #[arg(long)]
    first_parent: bool,
    /// Show only commits that changed this object
    #[arg(long, value_name = "PATH")]
    path: Vec<String>,
    /// Show only commits that changed objects below this prefix
    #[arg(long, value_name = "PREFIX")]
    prefix: Vec<String>,
    /// Stop after showing this commit
    #[arg(long, value_name = "REF", default_value = "", hide_default_value = true)]
    stop_at: String,
    /// Show only commits that are at most this old: 90m, 24h, 7d
    #[arg(long, value_parser = parse_duration, value_name = "DURATION")]
    since: Option<Duration>,
}

/// Prints the history of a ref.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    let place = args.uri.place();
    let request = LogRequest {
        repository: place.repository().to_owned(),
        r#ref: place.ref_name().to_owned(),
        transaction_id: place.transaction_id().to_owned(),
        limit: args.limit,
        first_parent: args.first_parent,
        paths: args.path,
        prefixes: args.prefix,
        since: args.since.and_then(|ago| SystemTime::now().checked_sub(ago)).map(Into::into),
        stop_at_ref: args.stop_at,
    };
    let what = || format!("read the log of {}", args.uri);
    let commits = session.client.log(request).await.with_context(what)?;
    session.print_all(commits, commit, what).await
}
