//! `tx watch`.

use crate::failure::{Result, While as _};
use crate::session::Session;
use crate::views::transactions::{is_over, seen};
use futures_util::stream::TryStreamExt as _;
use std::time::Duration;

/// Before a server that is going away is left for another.
const RECONNECT: Duration = Duration::from_secs(1);

/// Prints a line at each change of a transaction, until it ends.
///
/// # Errors
/// When it is not there, or no server answers any more.
pub(super) async fn run(session: &mut Session, id: &str) -> Result<()> {
    let what = || format!("watch {id}");
    loop {
        let mut changes = session.client.watch(id).await.during(what)?;
        while let Some(change) = changes.try_next().await.during(what)? {
            session.out.put(&seen(&change))?;
            // A pipe shall see it now.
            session.out.flush()?;
            if is_over(&change) {
                return Ok(());
            }
            if change.reconnect {
                break;
            }
        }
        tokio::time::sleep(RECONNECT).await;
    }
}
