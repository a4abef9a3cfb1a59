//! Configuration of a server that runs inside a test.

use crate::lakefs;
use lakeport_server::config::{Auth, Config, Lake, LogFormat, Secret, Trust};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Returns a configuration with default settings, an embedded lake and free ports.
pub fn config(data_dir: PathBuf) -> Config {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    Config {
        listen: any.into(),
        admin_listen: Some(any),
        lake: Lake::Embedded { listen: None },
        address_file: None,
        trust: Trust::System,
        auth: Auth::Passthrough,
        data_dir,
        session_store: None,
        merge_timeout: Duration::from_secs(60),
        remember: Duration::from_secs(24 * 3600),
        exit_when_idle: None,
        web_origins: Vec::new(),
        log_format: LogFormat::Pretty,
        log: "info".into(),
    }
}

/// Returns the settings for an external lakeFS, if the environment variables configure one. All callers use its account.
pub fn real_lakefs() -> Option<(Lake, Auth)> {
    let named = lakefs::named()?;
    let secret_access_key = Secret::new(named.secret_access_key);
    let lake = Lake::Remote { url: named.url, access_key_id: named.access_key_id, secret_access_key };
    Some((lake, Auth::Service { token: None }))
}
