//! Startup message of the server.

use crate::app::Serving;
use crate::config::{Auth, Config, Lake};
use crate::listen::Address;
use std::io::{Result, Write};
use std::path::PathBuf;

/// Writes the addresses, the lake, the authentication mode and an example command to `out`.
///
/// # Errors
/// Returns the errors of `out`.
pub fn write(out: &mut impl Write, config: &Config, serving: &Serving) -> Result<()> {
    writeln!(out, "lakeport {}", env!("CARGO_PKG_VERSION"))?;
    let also = match serving.address {
        Address::Tcp(_) => "with reflection and gRPC-Web",
        // A browser cannot connect to a Unix socket, so gRPC-Web is not mentioned.
        Address::Unix(_) => "with reflection, for this user only",
    };
    writeln!(out, "  gRPC   {}  (plaintext, {also})", serving.address)?;
    if let Some(address) = serving.admin_address {
        writeln!(out, "  admin  http://{address}/readyz, /livez, /metrics")?;
    }
    match &config.lake {
        Lake::Remote { url, .. } => writeln!(out, "  lake   lakeFS at {url}")?,
        Lake::Embedded { .. } => writeln!(out, "  lake   embedded, in {}", config.data_dir.join("lake").display())?,
    }
    if let Some(address) = serving.embedded_address {
        writeln!(out, "  REST   http://{address}/api/v1  (key pair in {})", account(config).display())?;
    }
    let is_open = matches!(config.lake, Lake::Embedded { .. }) && config.listen.is_local();
    match &config.auth {
        Auth::Service { token: None } => {
            writeln!(out, "  auth   all callers use the service's account; no token is required")?;
        }
        Auth::Service { token: Some(_) } => {
            writeln!(out, "  auth   callers that send the token (Bearer) use the service's account")?;
        }
        Auth::Passthrough if is_open => {
            writeln!(out, "  auth   not required on this machine; lakeFS key pairs are accepted")?;
        }
        Auth::Passthrough => writeln!(out, "  auth   callers send a lakeFS key pair (Basic) or token (Bearer)")?,
    }
    writeln!(out, "  try    {}", example(config, &serving.address, is_open))
}

/// Returns a command for a first call.
fn example(config: &Config, address: &Address, is_open: bool) -> String {
    let (grpcurl, place) = match address {
        Address::Tcp(address) => ("grpcurl -plaintext", address.to_string()),
        // By default, grpcurl sends the path of the socket as the host, which is not a valid host name.
        Address::Unix(path) => ("grpcurl -plaintext -unix -authority localhost", path.display().to_string()),
    };
    let endpoint = address.endpoint();
    match (&config.auth, &config.lake) {
        (Auth::Service { token: Some(_) }, _) => {
            format!("{grpcurl} -H 'authorization: Bearer TOKEN' {place} lakeport.v1.VersionService/ListRepositories")
        }
        (_, Lake::Embedded { .. }) if is_open => {
            format!(
                "{grpcurl} -d '{{\"repository\":\"quickstart\",\"ref\":\"main\"}}' {place} lakeport.v1.FileService/List"
            )
        }
        (_, Lake::Embedded { .. }) => {
            let account = account(config).display().to_string();
            format!("LAKECTL_CONFIG_FILE={account} lakeport --endpoint {endpoint} ls lakefs://quickstart/main/")
        }
        (_, Lake::Remote { .. }) => format!("lakeport --endpoint {endpoint} repo ls, with the credentials of lakectl"),
    }
}

/// Returns the path of the file with the key pair of the embedded lake.
fn account(config: &Config) -> PathBuf {
    config.data_dir.join("lake").join(lakeport_embedded::ACCOUNT_FILE)
}
