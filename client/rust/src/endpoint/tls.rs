//! Settings of TLS.

use crate::{Error, Result};
use std::path::{Path, PathBuf};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

/// Settings of TLS. By default, the client trusts the certificate authorities of the system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tls {
    /// Certificate authorities, in place of those of the system.
    pub(super) ca_file: Option<PathBuf>,
    /// Certificate of the client, and its key.
    pub(super) client_files: Option<(PathBuf, PathBuf)>,
    /// Name in the certificate of the server, if it is not the host of the URL.
    pub(super) server_name: Option<String>,
}

impl Tls {
    /// Reads the files.
    pub(super) fn config(&self) -> Result<ClientTlsConfig> {
        let mut config = match &self.ca_file {
            None => ClientTlsConfig::new().with_native_roots(),
            Some(path) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(certificates(path)?)),
        };
        if let Some((certificate, key)) = &self.client_files {
            config = config.identity(Identity::from_pem(certificates(certificate)?, read(key)?));
        }
        match &self.server_name {
            None => Ok(config),
            Some(name) => Ok(config.domain_name(name)),
        }
    }
}

/// Reads a file with at least one certificate. Without this check, the client would trust nobody, and not say why.
fn certificates(path: &Path) -> Result<String> {
    let pem = read(path)?;
    match pem.contains("-----BEGIN CERTIFICATE-----") {
        true => Ok(pem),
        false => Err(Error::invalid(&format!("{} has no certificate in PEM format", path.display()))),
    }
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .map_err(|error| Error::invalid(&format!("cannot read {}: {error}", path.display())).with_source(error))
}
