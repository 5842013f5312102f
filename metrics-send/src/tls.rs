//! Connections with TLS.

use std::path::Path;
use std::sync::Arc;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::error::ConfigError;

/// Returns a connector that trusts the authorities of a PEM file, or those of the system.
pub(crate) fn connector(ca_file: Option<&Path>) -> Result<HttpsConnector<HttpConnector>, ConfigError> {
    let unreadable = |error: &dyn std::fmt::Display| ConfigError::Certificates(error.to_string());
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            let in_file = |error: &dyn std::fmt::Display| unreadable(&format!("{}: {error}", path.display()));
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| in_file(&error))? {
                let certificate = certificate.map_err(|error| in_file(&error))?;
                roots.add(certificate).map_err(|error| in_file(&error))?;
            }
            if roots.is_empty() {
                return Err(in_file(&"the file has no certificate"));
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            // A system can have certificates that are not valid.
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                let error = found.errors.first().map_or_else(|| "the system has none".to_owned(), ToString::to_string);
                return Err(unreadable(&error));
            }
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unreadable(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build())
}

#[cfg(all(test, feature = "remote-write"))]
mod tests {
    use std::env;
    use std::process::Command;

    use metrics_runtime::Registry;

    use super::*;
    use crate::RemoteWrite;

    /// Is run in a process of its own, because the variables are those of a process.
    #[tokio::test]
    async fn a_system_without_authorities_is_an_error_at_the_start() {
        if env::var_os("SSL_CERT_FILE").is_none_or(|file| file != "/dev/null") {
            let name = "tls::tests::a_system_without_authorities_is_an_error_at_the_start";
            let mut test = Command::new(env::current_exe().unwrap());
            test.args(["--exact", name]).env("SSL_CERT_FILE", "/dev/null").env_remove("SSL_CERT_DIR");
            let output = test.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
            return;
        }
        // A file of authorities can follow.
        let write = RemoteWrite::new("https://localhost/", "shop").unwrap().instance("");
        let error = write.start(&Registry::new()).unwrap_err();
        assert!(matches!(error, ConfigError::Certificates(_)), "{error}");
        assert!(error.to_string().contains("`ca_file`"), "{error}");
    }
}
