//! `server-info`.

use crate::failure::{Result, While as _};
use crate::session::Session;
use crate::views::files::server;

/// Shows the server.
///
/// # Errors
/// When it does not answer.
pub(super) async fn run(session: &mut Session) -> Result<()> {
    let info = session.client.server_info().await.during(|| "ask the server".to_owned())?;
    session.out.put(&server(&info))
}
