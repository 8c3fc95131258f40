//! TLS towards subgraphs: the machine's root certificates and those of `ca_file`.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Which servers are believed. Read when first needed: most subgraphs are next
/// door and speak no TLS.
#[derive(Debug)]
pub(super) struct Tls {
    extra: Vec<CertificateDer<'static>>,
    config: OnceLock<Arc<ClientConfig>>,
}

impl Tls {
    /// Believes the roots in `ca_file` (PEM) too.
    ///
    /// # Errors
    /// When the file cannot be read or holds no certificate.
    pub(super) fn new(ca_file: Option<&Path>) -> Result<Self, String> {
        let extra = match ca_file {
            Some(path) => certificates(path)?,
            None => Vec::new(),
        };
        Ok(Self {
            extra,
            config: OnceLock::new(),
        })
    }

    pub(super) fn config(&self) -> &Arc<ClientConfig> {
        self.config.get_or_init(|| Arc::new(self.build()))
    }

    fn build(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        let native = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(native.certs);
        roots.add_parsable_certificates(self.extra.iter().cloned());
        if roots.is_empty() {
            tracing::warn!(
                target: "atelier_router",
                "no root certificates found; https subgraphs cannot be reached"
            );
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring supports the default TLS versions")
            .with_root_certificates(roots)
            .with_no_client_auth()
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let problem = |what: String| format!("ca_file {}: {what}", path.display());
    let found = CertificateDer::pem_file_iter(path).map_err(|error| problem(error.to_string()))?;
    let found: Result<Vec<_>, _> = found.collect();
    let found = found.map_err(|error| problem(error.to_string()))?;
    if found.is_empty() {
        return Err(problem("it holds no certificate".into()));
    }
    let mut roots = RootCertStore::empty();
    let (_, unusable) = roots.add_parsable_certificates(found.iter().cloned());
    match unusable {
        0 => Ok(found),
        count => Err(problem(format!("{count} certificates cannot be used"))),
    }
}
