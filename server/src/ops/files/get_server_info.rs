//! `FileService.GetServerInfo`.

use crate::auth::Caller;
use crate::error::Result;
use crate::ops::context::Ops;

/// Properties of the lakeFS server.
#[derive(Debug, Clone)]
pub struct ServerInfo {
    /// Version of lakeFS.
    pub lakefs_version: String,
    /// Whether its object store supports presigned URLs.
    pub presign: bool,
}

/// Asks lakeFS for its version and capabilities.
///
/// # Errors
/// `Unauthenticated`, `LakefsUnavailable`.
pub async fn get_server_info(_ops: &Ops, caller: &Caller) -> Result<ServerInfo> {
    let responses = futures_util::try_join!(caller.lakefs.server_version(), caller.lakefs.capabilities());
    let (version, capabilities) = match responses {
        Ok(responses) => responses,
        Err(error) => return Err(caller.explain(error.into()).await),
    };
    Ok(ServerInfo { lakefs_version: version.version, presign: capabilities.presign })
}
