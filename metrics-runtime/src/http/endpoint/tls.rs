//! TLS of the server on a separate address.
//!
//! The files are read again while the server runs, so a certificate is renewed without a restart. They are compared by
//! content, because a time of modification misses a file that is replaced by an older one, and two writes within one
//! tick of the clock.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{fmt, fs, io};

use tokio::net::TcpStream;
use tokio::task;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// The interval at which the files are read again, if there are connections. Reading them for each one would be work
/// that clients can cause without a limit.
const RELOAD_INTERVAL: Duration = Duration::from_secs(1);

/// The bytes of a response that wait in rustls for a client that does not read, beside those in the buffer of hyper.
const BUFFER_SIZE: usize = 16 << 10;

/// The first byte of every TLS connection: a handshake record (RFC 8446, section 5.1).
const HANDSHAKE_RECORD: u8 = 22;

/// The response to a request that is not encrypted.
const PLAIN_HTTP: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 28\r\n\
                            connection: close\r\n\r\nthis port requires https://\n";

/// An error of the TLS files of [`Endpoint`](super::Endpoint). No text contains a part of a file.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {reason}; expected a PEM file that this process may read", .file.display())]
    #[non_exhaustive]
    Read {
        /// The file.
        file: PathBuf,
        /// The kind of the system's error, such as [`NotFound`](io::ErrorKind::NotFound).
        kind: io::ErrorKind,
        /// The message of the system's error.
        reason: String,
    },
    /// A file has a part that is not PEM.
    #[error("{} is not valid PEM: {problem}", .file.display())]
    #[non_exhaustive]
    Pem {
        /// The file.
        file: PathBuf,
        /// The problem.
        problem: &'static str,
    },
    /// A file has no certificate.
    #[error(
        "{} has no certificate; expected PEM with `-----BEGIN CERTIFICATE-----`, that of the server first", .file.display()
    )]
    #[non_exhaustive]
    NoCertificate {
        /// The file.
        file: PathBuf,
    },
    /// A file has a certificate that is not valid.
    #[error("{} has a certificate that is not valid: {reason}; expected X.509 version 3", .file.display())]
    #[non_exhaustive]
    Certificate {
        /// The file.
        file: PathBuf,
        /// The reason.
        reason: String,
    },
    /// A file has no private key.
    #[error(
        "{} has no private key; expected PEM with `-----BEGIN PRIVATE KEY-----` (or `RSA` or `EC PRIVATE KEY`) that is \
         not encrypted with a passphrase", .file.display()
    )]
    #[non_exhaustive]
    NoKey {
        /// The file.
        file: PathBuf,
    },
    /// A private key is not valid, or of a kind that is not supported.
    #[error(
        "{} has a private key that cannot be used; expected ECDSA (P-256 or P-384), Ed25519, or RSA with 2048 to 4096 bits",
        .file.display()
    )]
    #[non_exhaustive]
    Key {
        /// The file.
        file: PathBuf,
    },
    /// The private key is not that of the certificate.
    #[error(
        "the private key in {} is not that of the first certificate in {}; expected files that were created together",
        .key.display(), .certificate.display()
    )]
    #[non_exhaustive]
    Mismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the private key.
        key: PathBuf,
    },
    /// Clients need certificates, but the server has none.
    #[error(
        "client certificates are required by {}, but the page is not served over TLS; set the certificate and the key of \
         the server (`Endpoint::tls`; METRICS_TLS_CERT_FILE and METRICS_TLS_KEY_FILE)", .client_ca.display()
    )]
    #[non_exhaustive]
    NoServerCertificate {
        /// The file of the authorities.
        client_ca: PathBuf,
    },
}

crate::error::debug_as_display!(TlsError);

/// The names of the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TlsFiles {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    /// The authorities that sign the certificates of clients; `None` if clients need no certificate.
    pub(super) client_ca: Option<PathBuf>,
}

/// The contents of the files.
#[derive(PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl TlsFiles {
    fn read(&self) -> Result<Contents, TlsError> {
        let read = |file: &Path| {
            fs::read(file).map_err(|error| {
                let (file, kind, reason) = (file.to_owned(), error.kind(), error.to_string());
                TlsError::Read { file, kind, reason }
            })
        };
        Ok(Contents {
            certificate: read(&self.certificate)?,
            key: read(&self.key)?,
            client_ca: self.client_ca.as_deref().map(read).transpose()?,
        })
    }

    /// Creates the configuration, for TLS 1.2 and 1.3.
    fn configure(&self, contents: &Contents) -> Result<Arc<ServerConfig>, TlsError> {
        let certificates = certificates(&self.certificate, &contents.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&contents.key).map_err(|error| match error {
            pem::Error::NoItemsFound => TlsError::NoKey { file: self.key.clone() },
            error => invalid_pem(&self.key, &error),
        })?;
        let invalid = |file: &Path, reason: String| TlsError::Certificate { file: file.to_owned(), reason };
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| invalid(&self.certificate, error.to_string()))?;
        let builder = match (&self.client_ca, &contents.client_ca) {
            (Some(file), Some(pem)) => {
                let mut authorities = RootCertStore::empty();
                for authority in self::certificates(file, pem)? {
                    authorities.add(authority).map_err(|error| invalid(file, error.to_string()))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider).build();
                builder.with_client_cert_verifier(verifier.map_err(|error| invalid(file, error.to_string()))?)
            }
            _ => builder.with_no_client_auth(),
        };
        let config = builder.with_single_cert(certificates, key);
        let mut config = config.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                TlsError::Mismatch { certificate: self.certificate.clone(), key: self.key.clone() }
            }
            rustls::Error::InvalidCertificate(error) => invalid(&self.certificate, format!("{error:?}")),
            _ => TlsError::Key { file: self.key.clone() },
        })?;
        // Clients that prefer HTTP/2 negotiate HTTP/1.1.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn certificates(file: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = certificates.map_err(|error| invalid_pem(file, &error))?;
    if certificates.is_empty() { Err(TlsError::NoCertificate { file: file.to_owned() }) } else { Ok(certificates) }
}

/// Describes the error without the texts of the library, which repeat lines of the file.
fn invalid_pem(file: &Path, error: &pem::Error) -> TlsError {
    let problem = match error {
        pem::Error::MissingSectionEnd { .. } => "a section has no line `-----END ..-----`",
        pem::Error::IllegalSectionStart { .. } => "a line `-----BEGIN ..-----` is incomplete",
        pem::Error::Base64Decode(_) => "a section is not base64",
        _ => "a section cannot be read",
    };
    TlsError::Pem { file: file.to_owned(), problem }
}

/// The TLS of a server: its files, and the configuration from their last valid contents.
pub(crate) struct Tls {
    files: TlsFiles,
    state: Mutex<State>,
}

struct State {
    config: Arc<ServerConfig>,
    /// The last result of reading the files. The configuration is older if these contents are not valid.
    read: Result<Contents, TlsError>,
    read_at: Instant,
    /// `true` while a thread reads the files. A file system that hangs thus takes one thread of the service.
    is_reading: bool,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads and checks the files.
    pub(super) fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let contents = files.read()?;
        let config = files.configure(&contents)?;
        let state = Mutex::new(State { config, read: Ok(contents), read_at: Instant::now(), is_reading: false });
        Ok(Self { files, state })
    }

    /// Returns `true` if clients need a certificate.
    pub(crate) fn requires_client_certificate(&self) -> bool {
        self.files.client_ca.is_some()
    }

    /// Performs the handshake. A client that sends a request without TLS gets the response 400.
    pub(super) async fn accept(self: &Arc<Self>, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let mut first = [HANDSHAKE_RECORD];
        stream.peek(&mut first).await?;
        if first[0] != HANDSHAKE_RECORD {
            // A connection that is closed with unread bytes is reset, and the response would be lost.
            let _ = stream.try_read(&mut [0; 8 << 10]);
            // It is the first thing that is sent, so there is room for it.
            let _ = stream.try_write(PLAIN_HTTP);
            return Err(io::ErrorKind::InvalidData.into());
        }
        let acceptor = TlsAcceptor::from(self.current().await);
        acceptor.accept_with(stream, |connection| connection.set_buffer_limit(Some(BUFFER_SIZE))).await
    }

    /// Returns the configuration. Reads the files if that was not done for a while, and not on a worker of the runtime,
    /// which they could block.
    async fn current(self: &Arc<Self>) -> Arc<ServerConfig> {
        if self.state().is_due() {
            let tls = Arc::clone(self);
            // Fails only if the runtime is shutting down.
            let _ = task::spawn_blocking(move || {
                tls.reload();
                tls.state().is_reading = false;
            })
            .await;
        }
        Arc::clone(&self.state().config)
    }

    /// Reads the files, and uses their contents if they have changed and are valid.
    fn reload(&self) {
        let read = self.files.read();
        if self.state().read == read {
            return;
        }
        let config = read.as_ref().map_err(Clone::clone).and_then(|contents| self.files.configure(contents));
        let mut state = self.state();
        state.read = read;
        match config {
            Ok(config) => state.config = config,
            Err(error) => {
                tracing::warn!(%error, "the TLS files of the metrics page have changed, and the previous ones stay in use");
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns `true` once in each interval, unless the files are being read.
    fn is_due(&mut self) -> bool {
        let is_due = !self.is_reading && self.read_at.elapsed() >= RELOAD_INTERVAL;
        if is_due {
            (self.read_at, self.is_reading) = (Instant::now(), true);
        }
        is_due
    }
}
