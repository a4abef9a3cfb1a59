//! Whose certificates are trusted.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// Whose certificates are trusted where TLS is spoken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Trust {
    /// Those that the system trusts.
    #[default]
    System,
    /// Those of these authorities, and of no other.
    Authorities(Vec<CertificateDer<'static>>),
}

impl Trust {
    /// Authorities, from PEM.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of_pem(pem: &[u8]) -> Result<Self, &'static str> {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let authorities = read.map_err(|_| "it is not PEM")?;
        if authorities.is_empty() {
            return Err("it holds no certificate");
        }
        store(&authorities)?;
        Ok(Self::Authorities(authorities))
    }

    pub(crate) fn config(&self) -> Result<ClientConfig, &'static str> {
        use hyper_rustls::ConfigBuilderExt as _;
        let config = ClientConfig::builder();
        let config = match self {
            Self::System => config.with_native_roots().map_err(|_| "no root certificates are installed here")?,
            Self::Authorities(authorities) => config.with_root_certificates(store(authorities)?),
        };
        Ok(config.with_no_client_auth())
    }
}

fn store(authorities: &[CertificateDer<'static>]) -> Result<RootCertStore, &'static str> {
    let mut store = RootCertStore::empty();
    // A bundle of many may hold one that nothing is known of here.
    match store.add_parsable_certificates(authorities.iter().cloned()) {
        (0, _) => Err("it holds no certificate of an authority"),
        _ => Ok(store),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_no_authority_is_refused() {
        for (pem, why) in [
            ("", "no certificate"),
            ("nonsense", "no certificate"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no certificate of an authority"),
            ("-----BEGIN CERTIFICATE-----\n", "not PEM"),
        ] {
            let refused = Trust::of_pem(pem.as_bytes()).unwrap_err();
            assert!(refused.contains(why), "{pem:?}: {refused}");
        }
    }
}
