//! TLS of the page's server, over real sockets with the client of rustls.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use metrics_runtime::http::{EndpointError, EndpointSettingError, Server, TlsError};
use metrics_runtime::{Builder, InstallError};
use tests::certificates::{Authority, CertificateFiles};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use super::*;

const ANY: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

fn builder(endpoint: Endpoint) -> Builder {
    Metrics::builder().registry(&Registry::new()).endpoint(endpoint)
}

fn with_tls(files: &CertificateFiles) -> Endpoint {
    Endpoint::new().tls(&files.certificate, &files.key)
}

async fn serve(endpoint: Endpoint) -> Server {
    builder(endpoint).build().expect("valid settings").serve(ANY).await.expect("a free port")
}

fn certificates(file: &std::path::Path) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(file).expect("a file").collect::<Result<_, _>>().expect("certificates")
}

/// A client that trusts an authority.
struct Client<'a> {
    authority: &'a Authority,
    versions: Vec<&'static SupportedProtocolVersion>,
    certificate: Option<CertificateFiles>,
}

/// A response with the properties of its connection.
struct Answer {
    text: String,
    certificate: CertificateDer<'static>,
    protocol: Option<Vec<u8>>,
}

impl<'a> Client<'a> {
    fn new(authority: &'a Authority) -> Self {
        Self { authority, versions: vec![&TLS12, &TLS13], certificate: None }
    }

    fn with(self, certificate: CertificateFiles) -> Self {
        Self { certificate: Some(certificate), ..self }
    }

    async fn get(&self, server: &Server, path: &str) -> io::Result<Answer> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates(&self.authority.file()));
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_protocol_versions(&self.versions).expect("versions").with_root_certificates(roots);
        let mut config = match &self.certificate {
            None => config.with_no_client_auth(),
            Some(CertificateFiles { certificate, key }) => {
                let key = PrivateKeyDer::from_pem_file(key).expect("a key");
                config.with_client_auth_cert(certificates(certificate), key).expect("a certificate")
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let stream = TcpStream::connect(server.address()).await?;
        let name = "localhost".try_into().expect("a name");
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        stream.write_all(request(path).as_bytes()).await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        let connection = stream.get_ref().1;
        let certificate = connection.peer_certificates().expect("a certificate")[0].clone().into_owned();
        Ok(Answer { text, certificate, protocol: connection.alpn_protocol().map(<[u8]>::to_vec) })
    }

    /// Repeats a scrape until the server has this certificate.
    async fn wait_for(&self, server: &Server, files: &CertificateFiles) {
        let expected = certificates(&files.certificate).remove(0);
        until(async || self.get(server, "/health").await.expect("a response").certificate == expected).await;
    }
}

/// Repeats a condition until it holds.
async fn until(holds: impl AsyncFn() -> bool) {
    let repeated = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(tests::wait::DEADLINE, repeated).await.expect("the condition holds before the deadline");
}

fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
}

/// Sends bytes without TLS, and reads until the server closes the connection.
async fn plain(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    stream.write_all(bytes).await.expect("sent");
    let mut response = Vec::new();
    let _ = stream.read_to_end(&mut response).await;
    response
}

#[tokio::test]
async fn the_page_and_the_health_check_are_served_over_tls() {
    let authority = Authority::new();
    let server = serve(with_tls(&authority.sign("server")).token("t")).await;
    assert_eq!(server.url(), format!("https://{}/metrics", server.address()));
    for version in [&TLS12, &TLS13] {
        let client = Client { versions: vec![version], ..Client::new(&authority) };
        let health = client.get(&server, "/health").await.expect("a response");
        assert!(health.text.starts_with("HTTP/1.1 200 ") && health.text.ends_with("\r\n\r\nok\n"), "{}", health.text);
        assert_eq!(health.protocol.as_deref(), Some(&b"http/1.1"[..]), "the client prefers h2");
        let page = client.get(&server, "/metrics").await.expect("a response");
        assert!(page.text.starts_with("HTTP/1.1 401 "), "{}", page.text);
    }
    // TLS 1.1, with one cipher suite and no extensions.
    let hello = [&[22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 2][..], &[7; 32], &[0, 0, 2, 0xc0, 0x13, 1, 0]].concat();
    let alert = plain(server.address(), &hello).await;
    assert!(alert.starts_with(&[21]), "an alert, but {alert:?}");
}

#[tokio::test]
async fn a_large_page_arrives_over_tls() {
    let authority = Authority::new();
    let registry = Registry::new();
    registry.set_series_limit(20_000);
    let family = metrics_runtime::Descriptor::counter("jobs_total", "Jobs.").labels(["number"]);
    let family = registry.counter(family).expect("valid");
    for number in 0..20_000 {
        family.get_or_create(&[&number.to_string()]).expect("a label").inc();
    }
    let metrics = Metrics::builder().registry(&registry).endpoint(with_tls(&authority.sign("server"))).build();
    let server = metrics.expect("valid settings").serve(ANY).await.expect("a free port");
    let page = Client::new(&authority).get(&server, "/metrics").await.expect("a response").text;
    assert_eq!(page.lines().filter(|line| line.starts_with("jobs_total{")).count(), 20_000);
}

#[tokio::test]
async fn a_request_without_tls_is_told_to_use_https() {
    let authority = Authority::new();
    let server = serve(with_tls(&authority.sign("server"))).await;
    for request in [request("/metrics"), request("/health"), "hello".to_owned()] {
        let response = String::from_utf8(plain(server.address(), request.as_bytes()).await).expect("text");
        assert!(response.starts_with("HTTP/1.1 400 ") && response.ends_with("https://\n"), "{response}");
        let (head, body) = response.split_once("\r\n\r\n").expect("a response");
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{response}");
    }
    assert!(Client::new(&authority).get(&server, "/metrics").await.is_ok());
}

#[tokio::test]
async fn handshakes_that_never_end_do_not_block_others_and_time_out() {
    let authority = Authority::new();
    let server = serve(with_tls(&authority.sign("server"))).await;
    let mut stalled = Vec::new();
    for i in 0..600 {
        let mut stream = TcpStream::connect(server.address()).await.expect("the server listens");
        // No byte, the beginning of a record, and a record without its end.
        let _ = stream.write_all([&b""[..], &[22], &[22, 3, 1, 64, 0, 1, 0, 63, 252, 3, 3]][i % 3]).await;
        stalled.push(stream);
    }
    let page = Client::new(&authority).get(&server, "/metrics").await.expect("a response");
    assert!(page.text.starts_with("HTTP/1.1 200 "), "{}", page.text);
    for mut stream in stalled {
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or(0), 0, "the server closes it");
    }
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_handshakes() {
    let authority = Authority::new();
    let server = serve(with_tls(&authority.sign("server"))).await;
    let mut stalled = Vec::new();
    // No byte, the beginning of a record, and a record without its end.
    for bytes in [&b""[..], &[22], &[22, 3, 1, 64, 0, 1, 0, 63, 252, 3, 3]] {
        let mut stream = TcpStream::connect(server.address()).await.expect("the server listens");
        stream.write_all(bytes).await.expect("sent");
        stalled.push(stream);
    }
    // All of them are accepted before it.
    assert!(Client::new(&authority).get(&server, "/health").await.is_ok());
    assert_eq!(shutdown_time(server, Duration::from_secs(600)).await, Duration::ZERO);
    for mut stream in stalled {
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or(0), 0, "the server closes it");
    }
}

#[tokio::test]
async fn only_clients_with_a_certificate_of_the_authority_can_connect() {
    let (authority, other) = (Authority::new(), Authority::new());
    let endpoint = with_tls(&authority.sign("server")).client_ca(authority.file());
    // The certificates are access control, so the address may be public.
    let metrics = builder(endpoint).listen_on((Ipv4Addr::UNSPECIFIED, 0)).build().expect("valid settings");
    assert!(metrics.describe().tls.is_some_and(|tls| tls.requires_client_certificate));
    let server = metrics.serve(ANY).await.expect("a free port");
    for version in [&TLS12, &TLS13] {
        let client = || Client { versions: vec![version], ..Client::new(&authority) };
        let page = client().with(authority.sign("client")).get(&server, "/metrics").await.expect("a response");
        assert!(page.text.starts_with("HTTP/1.1 200 "), "{}", page.text);
        for path in ["/metrics", "/health"] {
            assert!(client().get(&server, path).await.is_err(), "no certificate");
            assert!(client().with(other.sign("client")).get(&server, path).await.is_err(), "another authority");
            assert!(client().with(authority.sign_expired("old")).get(&server, path).await.is_err(), "an expired one");
        }
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_used_without_a_restart() {
    let authority = Authority::new();
    let first = authority.sign("server");
    let server = serve(with_tls(&first)).await;
    let client = Client::new(&authority);
    client.wait_for(&server, &first).await;
    let renewed = authority.sign("server");
    client.wait_for(&server, &renewed).await;

    // Invalid files are not used, and the next valid ones are.
    let last = certificates(&renewed.certificate).remove(0);
    let other = authority.sign("other");
    for broken in [Some(fs::read(&other.certificate).expect("a file")), Some(Vec::new()), None] {
        match broken {
            Some(bytes) => fs::write(&renewed.certificate, bytes).expect("written"),
            None => fs::remove_file(&renewed.certificate).expect("removed"),
        }
        // More than an interval of reading the files.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let answer = client.get(&server, "/health").await.expect("a response");
        assert!(answer.text.ends_with("ok\n") && answer.certificate == last);
    }
    client.wait_for(&server, &authority.sign("server")).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_cannot_be_read_to_its_end_delays_one_connection() {
    let authority = Authority::new();
    let files = authority.sign("server");
    let server = serve(with_tls(&files)).await;
    let client = Client::new(&authority);
    client.wait_for(&server, &files).await;
    let last = certificates(&files.certificate).remove(0);
    // Reading a pipe blocks until it is written.
    fs::remove_file(&files.certificate).expect("removed");
    let made = std::process::Command::new("mkfifo").arg(&files.certificate).status();
    assert!(made.expect("mkfifo").success());
    // More than an interval of reading the files.
    let pause = async || tokio::time::sleep(Duration::from_millis(1_100)).await;
    pause().await;
    assert!(client.get(&server, "/health").await.is_err(), "the handshake has a time limit");
    for _ in 0..2 {
        pause().await;
        let answer = client.get(&server, "/health").await.expect("a response");
        assert!(answer.text.ends_with("ok\n") && answer.certificate == last);
    }
    // Ends the thread that reads it.
    fs::write(&files.certificate, []).expect("written");
    fs::remove_file(&files.certificate).expect("removed");
    client.wait_for(&server, &authority.sign("server")).await;
}

#[tokio::test]
async fn a_replaced_authority_of_clients_is_used_without_a_restart() {
    let (authority, next) = (Authority::new(), Authority::new());
    let trusted = authority.folder().join("clients.crt");
    fs::copy(authority.file(), &trusted).expect("copied");
    let server = serve(with_tls(&authority.sign("server")).client_ca(&trusted)).await;
    let (old, new) = (authority.sign("client"), next.sign("client"));
    let get =
        async |files: &CertificateFiles| Client::new(&authority).with(files.clone()).get(&server, "/health").await;
    assert!(get(&old).await.is_ok() && get(&new).await.is_err());
    fs::copy(next.file(), &trusted).expect("copied");
    until(async || get(&new).await.is_ok()).await;
    assert!(get(&old).await.is_err());
}

#[test]
fn files_that_cannot_be_used_are_errors_that_name_them_and_show_nothing_of_them() {
    let authority = Authority::new();
    let (good, other) = (authority.sign("good"), authority.sign("other"));
    let file = |name: &str, text: &str| {
        let path = authority.folder().join(name);
        fs::write(&path, text).expect("written");
        path
    };
    let error = |endpoint: Endpoint| match builder(endpoint).build() {
        Err(InstallError::Endpoint(EndpointSettingError::Tls(error))) => {
            let text = error.to_string();
            assert!(text.contains(&authority.folder().display().to_string()), "{text}");
            assert!(!text.contains("hush"), "{text}");
            error
        }
        other => panic!("{other:?}"),
    };
    let (none, empty) = (authority.folder().join("none.pem"), file("empty.pem", ""));
    let folder = authority.folder().to_owned();
    let junk = "-----BEGIN TYPE-----\nhush!\n-----END TYPE-----\n";
    let junk = |kind: &str| file(&format!("junk {kind}.pem"), &junk.replace("TYPE", kind));
    let cut = |kind: &str| file(&format!("cut {kind}.pem"), &format!("-----BEGIN {kind}-----\naHVzaA==\n"));
    let not_x509 = file("x509.pem", "-----BEGIN CERTIFICATE-----\naHVzaA==\n-----END CERTIFICATE-----\n");
    let not_a_key = file("key.pem", "-----BEGIN PRIVATE KEY-----\naHVzaA==\n-----END PRIVATE KEY-----\n");

    let certificate = |certificate: &std::path::Path| error(Endpoint::new().tls(certificate, &good.key));
    assert!(matches!(certificate(&none), TlsError::Read { kind: ErrorKind::NotFound, .. }));
    assert!(matches!(certificate(&folder), TlsError::Read { kind: ErrorKind::IsADirectory, .. }));
    assert!(matches!(certificate(&empty), TlsError::NoCertificate { .. }));
    assert!(matches!(certificate(&good.key), TlsError::NoCertificate { .. }));
    assert!(matches!(certificate(&junk("CERTIFICATE")), TlsError::Pem { .. }));
    assert!(matches!(certificate(&cut("CERTIFICATE")), TlsError::Pem { .. }));
    assert!(matches!(certificate(&not_x509), TlsError::Certificate { .. }));
    assert!(matches!(certificate(&other.certificate), TlsError::Mismatch { .. }));

    let key = |key: &std::path::Path| error(Endpoint::new().tls(&good.certificate, key));
    assert!(matches!(key(&none), TlsError::Read { kind: ErrorKind::NotFound, .. }));
    assert!(matches!(key(&empty), TlsError::NoKey { .. }));
    assert!(matches!(key(&good.certificate), TlsError::NoKey { .. }));
    assert!(matches!(key(&junk("ENCRYPTED PRIVATE KEY")), TlsError::NoKey { .. }));
    assert!(matches!(key(&junk("PRIVATE KEY")), TlsError::Pem { .. }));
    assert!(matches!(key(&cut("PRIVATE KEY")), TlsError::Pem { .. }));
    assert!(matches!(key(&not_a_key), TlsError::Key { .. }));
    assert!(matches!(key(&other.key), TlsError::Mismatch { .. }));

    let client_ca = |file: &std::path::Path| error(with_tls(&good).client_ca(file));
    assert!(matches!(client_ca(&none), TlsError::Read { kind: ErrorKind::NotFound, .. }));
    assert!(matches!(client_ca(&empty), TlsError::NoCertificate { .. }));
    assert!(matches!(client_ca(&not_x509), TlsError::Certificate { .. }));
    let alone = error(Endpoint::new().client_ca(authority.file()));
    assert!(matches!(alone, TlsError::NoServerCertificate { .. }), "{alone}");
    // A file may have both.
    let both = [&good.key, &good.certificate].map(|file| fs::read_to_string(file).expect("a file")).concat();
    let both = file("both.pem", &both);
    assert!(builder(Endpoint::new().tls(&both, &both)).build().is_ok());
}

#[test]
fn a_page_with_tls_cannot_be_in_a_router() {
    let authority = Authority::new();
    let metrics = builder(with_tls(&authority.sign("server"))).build().expect("valid settings");
    let error = metrics.instrument(axum::Router::new()).expect_err("it would be served without TLS");
    assert_eq!(error, EndpointError::TlsInRouter);
    assert!(error.to_string().contains("METRICS_LISTEN"), "{error}");
}
