//! TLS 1.3 alone, with the authorities of the configuration alone, and the client's certificate.

use std::path::Path;
use std::sync::Arc;

use cryptoki_sys::{CKR_ARGUMENTS_BAD, CKR_FUNCTION_FAILED};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::config::Config;
use crate::error::{Answer, Refusal};

/// @errors `CKR_FUNCTION_FAILED` when a file cannot be read or is not what it should be.
pub fn client_config(config: &Config) -> Answer<Arc<ClientConfig>> {
    let failed = |_| Refusal(CKR_FUNCTION_FAILED);
    let mut roots = RootCertStore::empty();
    for authority in certificates(&config.ca)? {
        roots.add(authority).map_err(failed)?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(failed)?
        .with_root_certificates(roots);
    let mut tls = match (&config.cert, &config.key) {
        (Some(cert), Some(key)) => {
            let key = PrivateKeyDer::from_pem_file(key).map_err(|_| Refusal(CKR_FUNCTION_FAILED))?;
            builder.with_client_auth_cert(certificates(cert)?, key).map_err(|_| Refusal(CKR_ARGUMENTS_BAD))?
        }
        _ => builder.with_no_client_auth(),
    };
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(tls))
}

fn certificates(path: &Path) -> Answer<Vec<CertificateDer<'static>>> {
    let failed = |_| Refusal(CKR_FUNCTION_FAILED);
    let all: Vec<_> = CertificateDer::pem_file_iter(path).map_err(failed)?.collect::<Result<_, _>>().map_err(failed)?;
    if all.is_empty() { Err(Refusal(CKR_FUNCTION_FAILED)) } else { Ok(all) }
}
