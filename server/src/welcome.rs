//! What a person wants to know first.

use crate::app::Serving;
use crate::config::{Auth, Config, Lake};
use crate::listen::Address;
use std::io::{Result, Write};

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
    let account = config.data_dir.join("lake").join(lakeport_embedded::ACCOUNT_FILE);
    if let Some(address) = serving.embedded_address {
        writeln!(out, "  REST   http://{address}/api/v1  (key pair in {})", account.display())?;
    }
    let is_open = matches!(config.lake, Lake::Embedded { .. }) && config.listen.is_local();
    match config.auth {
        Auth::Service => writeln!(out, "  auth   the service's account acts for every caller")?,
        Auth::Passthrough if is_open => {
            writeln!(out, "  auth   none needed on this machine; lakeFS key pairs are taken too")?;
        }
        Auth::Passthrough => writeln!(out, "  auth   callers send lakeFS's key pair (Basic) or token (Bearer)")?,
    }
    let endpoint = serving.address.endpoint();
    match &config.lake {
        Lake::Embedded { .. } if is_open => {
            let (how, address) = match &serving.address {
                Address::Tcp(address) => ("", address.to_string()),
                // It would name the path as the host, which no host is.
                Address::Unix(path) => ("-unix -authority localhost ", path.display().to_string()),
            };
            writeln!(
                out,
                "  try    grpcurl -plaintext {how}-d '{{\"repository\":\"quickstart\",\"ref\":\"main\"}}' {address} \
                 lakeport.v1.FileService/List"
            )
        }
        Lake::Embedded { .. } => {
            let account = account.display();
            writeln!(
                out,
                "  try    LAKECTL_CONFIG_FILE={account} lakeport --endpoint {endpoint} ls lakefs://quickstart/main/"
            )
        }
        Lake::Remote { .. } => {
            writeln!(out, "  try    lakeport --endpoint {endpoint} repo ls, with the credentials of lakectl")
        }
    }
}
