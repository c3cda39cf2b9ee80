//! TLS by rustls, 1.2 and 1.3. The certificate is taken up anew when its files change, while calls
//! run; one that cannot be used leaves the one before it in its place.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use domain::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, ServerConfig};

use super::secret_file::{self, SecretFileError};
use crate::certificate;
use crate::context::App;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The one protocol above TLS.
const ALPN: &[u8] = b"http/1.1";

/// The files of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, PEM, and after it those that lead to its root.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub private_key: PathBuf,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate's file.
    #[error("cannot read the certificate {path}: {why}", path = .0.display(), why = .1)]
    Certificate(PathBuf, io::Error),
    /// The file holds no certificate.
    #[error("{} holds no certificate in PEM form", .0.display())]
    NoCertificate(PathBuf),
    /// Its time is over.
    #[error("the certificate {path} expired on {at}", path = .0.display(), at = .1)]
    Expired(PathBuf, String),
    /// The key's file.
    #[error("the certificate's private key: {0}")]
    Key(#[from] SecretFileError),
    /// The file holds no key.
    #[error("{} holds no private key in PEM form", .0.display())]
    NoKey(PathBuf),
    /// They are not of one pair, or of a kind that is not used.
    #[error("certificate and private key cannot be used: {0}")]
    Rustls(#[from] rustls::Error),
}

/// A certificate with its key.
struct Pair {
    key: Arc<CertifiedKey>,
    not_after: Timestamp,
}

/// Reads and checks them.
fn load(files: &TlsFiles, now: Timestamp) -> Result<Pair, TlsError> {
    let path = || files.certificate.clone();
    let pem = fs::read(&files.certificate);
    let pem = pem.map_err(|error| TlsError::Certificate(path(), error))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.map_err(|_| TlsError::NoCertificate(path()))?;
    let end = chain.first().and_then(|own| certificate::read(own));
    let not_after = end.ok_or_else(|| TlsError::NoCertificate(path()))?.not_after;
    if not_after < now {
        let at = jiff::Timestamp::from_microsecond(not_after.0);
        let at = at.map_or_else(|_| "-".to_owned(), |at| format!("{at:.0}"));
        return Err(TlsError::Expired(path(), at));
    }
    let key = secret_file::read(&files.private_key)?;
    let key = PrivateKeyDer::from_pem_slice(&key);
    let key = key.map_err(|_| TlsError::NoKey(files.private_key.clone()))?;
    let key = CertifiedKey::from_der(chain, key, &provider())?;
    Ok(Pair { key: Arc::new(key), not_after })
}

/// Whether a server could use them.
pub fn check(files: &TlsFiles, now: Timestamp) -> Result<(), TlsError> {
    load(files, now).map(drop)
}

fn provider() -> CryptoProvider {
    aws_lc_rs::default_provider()
}

/// The certificate in use.
pub struct Certificate {
    files: TlsFiles,
    pair: RwLock<Pair>,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate").field("files", &self.files).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.pair.read().unwrap_or_else(PoisonError::into_inner).key))
    }
}

impl Certificate {
    /// Takes up what the files hold.
    pub fn read(files: &TlsFiles, now: Timestamp) -> Result<Arc<Self>, TlsError> {
        let pair = RwLock::new(load(files, now)?);
        Ok(Arc::new(Certificate { files: files.clone(), pair }))
    }

    /// What connections begin with.
    pub fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor, TlsError> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// When it ends.
    fn not_after(&self) -> Timestamp {
        self.pair.read().unwrap_or_else(PoisonError::into_inner).not_after
    }

    fn take_up(&self, app: &App) {
        match load(&self.files, app.clock.now()) {
            Ok(pair) => {
                *self.pair.write().unwrap_or_else(PoisonError::into_inner) = pair;
                tracing::info!("another certificate is in use");
            }
            Err(error) => {
                tracing::error!(%error, "the new certificate cannot be used: the old one is kept");
            }
        }
        app.metrics.certificate_expires(self.not_after());
    }
}

/// Takes up a certificate whose files have changed, and at SIGHUP, until the server stops. Without
/// a certificate SIGHUP does nothing.
pub async fn watch(certificate: Option<Arc<Certificate>>, app: Arc<App>) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    let Some(certificate) = certificate else {
        while hangup.recv().await.is_some() {}
        return;
    };
    app.metrics.certificate_expires(certificate.not_after());
    let mut seen = Seen::of(&certificate.files);
    loop {
        let is_asked = tokio::select! {
            _ = hangup.recv() => true,
            () = tokio::time::sleep(LOOK_EVERY) => false,
        };
        let now = Seen::of(&certificate.files);
        if is_asked || now != seen {
            seen = now;
            certificate.take_up(&app);
        }
    }
}

/// By what a change of the files is seen, also where a link leads elsewhere.
#[derive(PartialEq)]
struct Seen([Option<[i64; 4]>; 2]);

impl Seen {
    fn of(files: &TlsFiles) -> Self {
        let look = |path: &Path| {
            let found = fs::metadata(path).ok()?;
            let (inode, size) = (found.ino().cast_signed(), found.size().cast_signed());
            Some([inode, size, found.mtime(), found.mtime_nsec()])
        };
        Seen([look(&files.certificate), look(&files.private_key)])
    }
}
