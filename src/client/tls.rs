//! TLS of a target: trust, our own certificate, and the name to verify.
//!
//! The rustls configuration is built when it is first used and again when one of its files has
//! changed, so a rotated certificate needs no reload. Files are touched on a thread of their own:
//! this one is shared by all targets.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};

use super::aside::Aside;

/// Largest file of certificates or keys, in bytes: more than the bundles of all systems.
const MAX_FILE: u64 = 4 << 20;

/// The system's authorities, once they have been found. Parsing them takes milliseconds and
/// keeping them a megabyte, and they are the same for every target.
static NATIVE_ROOTS: Mutex<Option<Arc<RootCertStore>>> = Mutex::new(None);

/// TLS settings and the configuration built from them.
#[derive(Debug)]
pub struct Tls {
    settings: Arc<TlsSettings>,
    built: Mutex<Option<Built>>,
    files: Aside,
}

/// A configuration, and when each of its files had been changed.
type Built = (Vec<Option<SystemTime>>, Arc<ClientConfig>);

/// What a target says about TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// Authorities to trust in place of the system's (PEM).
    pub ca_file: Option<PathBuf>,
    /// Our certificate chain and its key (PEM).
    pub client_cert: Option<(PathBuf, PathBuf)>,
    /// Name to verify in place of the host.
    pub server_name: Option<String>,
    /// Whether the server's certificate is verified.
    pub verify: Verify,
}

/// Whether the server's certificate is verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// It is.
    #[default]
    Yes,
    /// Any certificate will do (`insecure_skip_verify`).
    No,
}

/// TLS material that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("cannot read {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    #[error("{} is larger than {MAX_FILE} bytes", .0.display())]
    TooLarge(PathBuf),
    #[error("cannot read {}: {source}", path.display())]
    Pem { path: PathBuf, source: rustls::pki_types::pem::Error },
    #[error("no certificate in {}", .0.display())]
    Empty(PathBuf),
    #[error("no certificate authority found on this system; name one with tls_config.ca_file")]
    NoRoots,
    #[error("{0} is not a name or address that TLS can verify")]
    Name(String),
    #[error("interrupted")]
    Interrupted,
    #[error(transparent)]
    Rustls(#[from] rustls::Error),
}

impl Tls {
    /// TLS with these settings. Files are read at the first use.
    pub fn new(settings: TlsSettings) -> Self {
        Self { settings: Arc::new(settings), built: Mutex::new(None), files: Aside::default() }
    }

    /// The name to verify for `host`.
    pub(crate) fn server_name(&self, host: &str) -> Result<ServerName<'static>, TlsError> {
        let name = self.settings.server_name.as_deref().unwrap_or(host);
        ServerName::try_from(name.to_owned()).map_err(|_| TlsError::Name(name.to_owned()))
    }

    /// The configuration; built anew if a file has changed since. To be waited for with a
    /// deadline: its files may lie on a mount that hangs.
    pub(crate) async fn config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let built = self.built.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Without files nothing can have changed, and another thread need not be asked.
        let built = match built {
            Some((changed, config)) if changed.is_empty() => return Ok(config),
            built => built,
        };
        let settings = Arc::clone(&self.settings);
        let (changed, config) = self
            .files
            .run(move || settings.renew(built))
            .await
            .unwrap_or(Err(TlsError::Interrupted))?;
        let kept = (changed, Arc::clone(&config));
        *self.built.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        Ok(config)
    }

    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        Self::new(TlsSettings::default())
    }
}

impl TlsSettings {
    fn files(&self) -> impl Iterator<Item = &Path> {
        let (cert, key) = self.client_cert.as_ref().map(|(cert, key)| (cert, key)).unzip();
        [self.ca_file.as_ref(), cert, key].into_iter().flatten().map(PathBuf::as_path)
    }

    /// What was built before if no file has changed since, else anew.
    fn renew(&self, built: Option<Built>) -> Result<Built, TlsError> {
        let changed: Vec<_> = self.files().map(modified).collect();
        match built {
            Some((at, config)) if at == changed => Ok((at, config)),
            _ => Ok((changed, Arc::new(self.build()?))),
        }
    }

    fn build(&self) -> Result<ClientConfig, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let builder = match self.verify {
            Verify::Yes => builder.with_root_certificates(self.roots()?),
            Verify::No => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider))),
        };
        let mut config = match &self.client_cert {
            Some((cert, key)) => {
                let key_der = PrivateKeyDer::from_pem_slice(&read(key)?)
                    .map_err(|source| TlsError::Pem { path: key.clone(), source })?;
                builder.with_client_auth_cert(certificates(cert)?, key_der)?
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // A fresh connection is to cost what it costs a first-time user: the whole handshake.
        config.resumption = Resumption::disabled();
        Ok(config)
    }

    fn roots(&self) -> Result<Arc<RootCertStore>, TlsError> {
        let Some(file) = &self.ca_file else { return native_roots() };
        let mut roots = RootCertStore::empty();
        for certificate in certificates(file)? {
            roots.add(certificate)?;
        }
        Ok(Arc::new(roots))
    }
}

/// The system's authorities; looked for again as long as there are none.
fn native_roots() -> Result<Arc<RootCertStore>, TlsError> {
    let mut found = NATIVE_ROOTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(roots) = &*found {
        return Ok(Arc::clone(roots));
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(TlsError::NoRoots);
    }
    Ok(Arc::clone(found.insert(Arc::new(roots))))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(&read(path)?)
        .collect::<Result<_, _>>()
        .map_err(|source| TlsError::Pem { path: path.to_owned(), source })?;
    if found.is_empty() { Err(TlsError::Empty(path.to_owned())) } else { Ok(found) }
}

/// The content of a file. What it is is asked before it is opened, because opening a pipe waits for
/// its writer.
fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable = |source| TlsError::File { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(TlsError::NotAFile(path.to_owned()));
    }
    let mut content = Vec::new();
    let file = fs::File::open(path).map_err(unreadable)?;
    let size = file.take(MAX_FILE + 1).read_to_end(&mut content).map_err(unreadable)?;
    if size as u64 > MAX_FILE {
        return Err(TlsError::TooLarge(path.to_owned()));
    }
    Ok(content)
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|file| file.modified()).ok()
}

/// Accepts any certificate: the user asked for `insecure_skip_verify`. Signatures are verified
/// all the same, so that the peer at least holds the key of what it shows.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
