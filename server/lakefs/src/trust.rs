//! Trusted certificate authorities.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// Certificate authorities that are trusted for TLS connections.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Trust {
    /// The authorities that the system trusts.
    #[default]
    System,
    /// Only these authorities.
    Authorities(Vec<CertificateDer<'static>>),
}

impl Trust {
    /// Parses the certificates of authorities from PEM.
    ///
    /// # Errors
    /// Returns the reason if the text is not PEM or contains no certificate of an authority.
    pub fn of_pem(pem: &[u8]) -> Result<Self, &'static str> {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let authorities = read.map_err(|_| "it is not PEM")?;
        if authorities.is_empty() {
            return Err("it contains no certificate");
        }
        store(&authorities)?;
        Ok(Self::Authorities(authorities))
    }

    pub(crate) fn config(&self) -> Result<ClientConfig, &'static str> {
        use hyper_rustls::ConfigBuilderExt as _;
        let config = ClientConfig::builder();
        let config = match self {
            Self::System => {
                config.with_native_roots().map_err(|_| "no root certificates are installed on this system")?
            }
            Self::Authorities(authorities) => config.with_root_certificates(store(authorities)?),
        };
        Ok(config.with_no_client_auth())
    }
}

fn store(authorities: &[CertificateDer<'static>]) -> Result<RootCertStore, &'static str> {
    let mut store = RootCertStore::empty();
    // A bundle may contain a certificate that rustls cannot parse; it is skipped.
    match store.add_parsable_certificates(authorities.iter().cloned()) {
        (0, _) => Err("it contains no certificate of an authority"),
        _ => Ok(store),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pem_without_a_certificate_of_an_authority_is_rejected() {
        for (pem, why) in [
            ("", "no certificate"),
            ("nonsense", "no certificate"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no certificate of an authority"),
            ("-----BEGIN CERTIFICATE-----\n", "not PEM"),
        ] {
            let error = Trust::of_pem(pem.as_bytes()).unwrap_err();
            assert!(error.contains(why), "{pem:?}: {error}");
        }
    }
}
