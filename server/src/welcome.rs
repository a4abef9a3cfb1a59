//! What a person wants to know first.

use crate::app::Serving;
use crate::config::{Auth, Config, Lake};
use crate::listen::Address;
use std::io::{Result, Write};
use std::path::PathBuf;

/// Says where what is served, to whom, and what to try.
///
/// # Errors
/// Those of `out`.
pub fn write(out: &mut impl Write, config: &Config, serving: &Serving) -> Result<()> {
    writeln!(out, "lakeport {}", env!("CARGO_PKG_VERSION"))?;
    let also = match serving.address {
        Address::Tcp(_) => "with reflection and gRPC-Web",
        // No browser comes there.
        Address::Unix(_) => "with reflection, for this user alone",
    };
    writeln!(out, "  gRPC   {}  (plaintext, {also})", serving.address)?;
    if let Some(address) = serving.admin_address {
        writeln!(out, "  admin  http://{address}/readyz, /livez, /metrics")?;
    }
    match &config.lake {
        Lake::Remote { url, .. } => writeln!(out, "  lake   lakeFS at {url}")?,
        Lake::Embedded { .. } => writeln!(out, "  lake   its own, in {}", config.data_dir.join("lake").display())?,
    }
    if let Some(address) = serving.embedded_address {
        writeln!(out, "  REST   http://{address}/api/v1  (key pair in {})", account(config).display())?;
    }
    let is_open = matches!(config.lake, Lake::Embedded { .. }) && config.listen.is_local();
    match &config.auth {
        Auth::Service { token: None } => writeln!(out, "  auth   the service's account acts for every caller")?,
        Auth::Service { token: Some(_) } => {
            writeln!(out, "  auth   the service's account acts for callers that send the token (Bearer)")?;
        }
        Auth::Passthrough if is_open => {
            writeln!(out, "  auth   none needed on this machine; lakeFS key pairs are taken too")?;
        }
        Auth::Passthrough => writeln!(out, "  auth   callers send lakeFS's key pair (Basic) or token (Bearer)")?,
    }
    writeln!(out, "  try    {}", attempt(config, &serving.address, is_open))
}

/// What to run for a first answer.
fn attempt(config: &Config, address: &Address, is_open: bool) -> String {
    let (grpcurl, place) = match address {
        Address::Tcp(address) => ("grpcurl -plaintext", address.to_string()),
        // It would name the path as the host, which no host is.
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

/// The file with the key pair of the lake of its own.
fn account(config: &Config) -> PathBuf {
    config.data_dir.join("lake").join(lakeport_embedded::ACCOUNT_FILE)
}
