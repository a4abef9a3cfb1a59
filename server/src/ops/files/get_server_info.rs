//! What this server is.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Ops;

/// What this server is, and what is behind it.
#[derive(Debug, Clone)]
pub struct ServerInfo {
    /// Of lakeFS.
    pub lakefs_version: String,
    /// Whether it has presigned URLs.
    pub presign: bool,
}

/// What this server is.
///
/// # Errors
/// `Unauthenticated`, `LakefsUnavailable`.
pub async fn get_server_info(_ops: &Ops, caller: &Caller) -> Result<ServerInfo> {
    let asked = futures_util::try_join!(caller.lakefs.server_version(), caller.lakefs.capabilities());
    let (version, capabilities) = match asked {
        Ok(answers) => answers,
        Err(error) => return Err(caller.explain(error.into()).await),
    };
    Ok(ServerInfo { lakefs_version: version.version, presign: capabilities.presign })
}
