//! The TLS side of the listener.
//!
//! Owns turning PEM text into an acceptor. Must not know connections.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::spec::{SpecError, TlsPem};

/// An acceptor for the given chain and key, HTTP/1.1 only.
pub(super) fn acceptor(pem: &TlsPem) -> Result<TlsAcceptor, SpecError> {
    let bad = |error: &dyn std::fmt::Display| SpecError::Tls(error.to_string());
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem.cert.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| bad(&error))?;
    let key = PrivateKeyDer::from_pem_slice(pem.key.as_bytes()).map_err(|error| bad(&error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(&error))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| bad(&error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
