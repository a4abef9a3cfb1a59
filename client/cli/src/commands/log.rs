//! `log`.

use crate::failure::{Result, While as _};
use crate::session::Session;
use crate::uri::VersionUri;
use crate::values::span;
use crate::views::versions::commit;
use lakeport_client::v1::LogRequest;
use std::time::{Duration, SystemTime};

/// Flags.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// lakefs://REPOSITORY/REF
    uri: VersionUri,
    /// Commits at most; 0 is no limit
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    limit: i64,
    /// Follow first parents alone
    #[arg(long)]
    first_parent: bool,
    /// Only commits that changed this object
    #[arg(long, value_name = "PATH")]
    path: Vec<String>,
    /// Only commits that changed something below this prefix
    #[arg(long, value_name = "PREFIX")]
    prefix: Vec<String>,
    /// The last commit to show
    #[arg(long, value_name = "REF", default_value = "", hide_default_value = true)]
    stop_at: String,
    /// Only commits of this long ago or later: 90m, 24h, 7d
    #[arg(long, value_parser = span, value_name = "TIME")]
    since: Option<Duration>,
}

/// Shows the history.
///
/// # Errors
/// When it cannot be read.
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
    let commits = session.client.log(request).await.during(what)?;
    session.put_all(commits, commit, what).await
}
