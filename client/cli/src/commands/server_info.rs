//! `lakeport server-info`.

use crate::failure::{Context as _, Result};
use crate::session::Session;
use crate::views::files::server;

/// Prints the versions, limits and features of the server.
pub(super) async fn run(session: &mut Session) -> Result<()> {
    let info = session.client.server_info().await.with_context(|| "get the server info".to_owned())?;
    session.out.print(&server(&info))
}
