//! Certificates that an authority of the test has signed.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tempfile::TempDir;

/// An authority. Its files exist until it is dropped.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: TempDir,
}

/// The PEM files of a certificate and its key.
#[derive(Clone, Debug)]
pub struct CertificateFiles {
    /// The file of the certificate.
    pub certificate: PathBuf,
    /// The file of the key.
    pub key: PathBuf,
}

impl CertificateFiles {
    /// Returns both paths as text.
    #[must_use]
    pub fn paths(&self) -> (&str, &str) {
        (self.certificate.to_str().unwrap(), self.key.to_str().unwrap())
    }
}

impl Authority {
    /// Creates an authority with a new key.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, "authority of a test");
        let certificate = parameters.self_signed(&key).unwrap();
        fs::write(folder.path().join("ca.crt"), certificate.pem()).unwrap();
        Self { issuer: Issuer::new(parameters, key), folder }
    }

    /// Returns the file of the authority's certificate.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("ca.crt")
    }

    /// Returns the folder of all files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Signs a certificate for `localhost` and 127.0.0.1 with a new key. Replaces the files of the same name.
    #[must_use]
    pub fn sign(&self, name: &str) -> CertificateFiles {
        self.sign_until(name, 2100)
    }

    /// Signs a certificate that expired long ago.
    #[must_use]
    pub fn sign_expired(&self, name: &str) -> CertificateFiles {
        self.sign_until(name, 2001)
    }

    fn sign_until(&self, name: &str, year: i32) -> CertificateFiles {
        let mut parameters = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        parameters.not_before = date_time_ymd(2000, 1, 1);
        parameters.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let signed = parameters.signed_by(&key, &self.issuer).unwrap();
        let file = |extension: &str, pem: String| {
            let path = self.folder.path().join(format!("{name}.{extension}"));
            fs::write(&path, pem).unwrap();
            path
        };
        CertificateFiles { certificate: file("crt", signed.pem()), key: file("key", key.serialize_pem()) }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
