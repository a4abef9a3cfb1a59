//! `lakeport tx watch`.

use crate::failure::{Context as _, Result};
use crate::session::Session;
use crate::views::transactions::{has_ended, watched};
use futures_util::stream::TryStreamExt as _;
use std::time::Duration;

/// Delay before watching again, after the stream ended or the server announced its shutdown.
const RECONNECT_DELAY: Duration = Duration::from_secs(1);

/// Prints a line for each state change of a transaction, until it ends. Fails if the transaction does not exist, or if no server
/// responds.
pub(super) async fn run(session: &mut Session, id: &str) -> Result<()> {
    let what = || format!("watch {id}");
    loop {
        let mut changes = session.client.watch(id).await.with_context(what)?;
        while let Some(change) = changes.try_next().await.with_context(what)? {
            session.out.print(&watched(&change))?;
            // The reader of a pipe needs each line immediately.
            session.out.flush()?;
            if has_ended(&change) {
                return Ok(());
            }
            if change.reconnect {
                break;
            }
        }
        tokio::time::sleep(RECONNECT_DELAY).await;
    }
}
