//! The settings of the endpoint.

#[cfg(feature = "tls")]
use std::path::PathBuf;
#[cfg(feature = "tls")]
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "basic-auth")]
use super::access::User;
use super::access::{Access, EndpointSettingError, Network, Token};
#[cfg(feature = "tls")]
use super::tls::{Tls, TlsError, TlsFiles};

/// The settings of the metrics page, in the application's router ([`Metrics::instrument`](crate::Metrics::instrument))
/// or on a separate address (`Metrics::serve`).
///
/// | setting | default |
/// |---|---|
/// | [`token`](Self::token), [`allow`](Self::allow), `basic_auth` (feature `basic-auth`) | no access control, in a router or on a loopback address |
/// | `tls`, `client_ca` (feature `tls`) | a separate address is served without TLS |
/// | [`deadline`](Self::deadline) | 10 s |
/// | [`strict`](Self::strict) | `false`: a page without the families of a failed collector is served |
///
/// ```
/// use std::time::Duration;
/// use metrics_runtime::{Metrics, Registry, http::Endpoint};
///
/// let endpoint = Endpoint::new().token("s3cr3t").allow(["127.0.0.1", "10.0.0.0/8"]).deadline(Duration::from_secs(5));
/// let metrics = Metrics::builder().registry(&Registry::new()).endpoint(endpoint).build()?;
/// # Ok::<(), metrics_runtime::InstallError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Endpoint {
    tokens: Vec<Token>,
    #[cfg(feature = "basic-auth")]
    users: Vec<User>,
    networks: Option<Vec<String>>,
    /// The files of the certificate and of its key.
    #[cfg(feature = "tls")]
    certificate: Option<(PathBuf, PathBuf)>,
    #[cfg(feature = "tls")]
    client_ca: Option<PathBuf>,
    open: bool,
    deadline: Duration,
    strict: bool,
}

impl Default for Endpoint {
    fn default() -> Self {
        Self::new()
    }
}

impl Endpoint {
    /// Creates the default settings.
    pub const fn new() -> Self {
        let deadline = Duration::from_secs(10);
        Self {
            tokens: Vec::new(),
            #[cfg(feature = "basic-auth")]
            users: Vec::new(),
            networks: None,
            #[cfg(feature = "tls")]
            certificate: None,
            #[cfg(feature = "tls")]
            client_ca: None,
            open: false,
            deadline,
            strict: false,
        }
    }

    /// Requires `Authorization: Bearer token`; other requests get 401. Repeated calls add tokens, each of which is
    /// valid, so that a token can be replaced while scrapers still send the old one.
    ///
    /// Tokens of the same length are compared in constant time. An empty token is an error at `build`; it does not
    /// switch access control off.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.tokens.push(Token::new(token.into()));
        self
    }

    /// Replaces all tokens.
    pub(crate) fn only_token(mut self, token: String) -> Self {
        self.tokens.clear();
        self.token(token)
    }

    /// Requires this user and password in `Authorization: Basic ..`, as `basic_auth` in the configuration of Prometheus
    /// sends them; other requests get 401. Repeated calls add users. With a [`token`](Self::token) as well, either is
    /// sufficient.
    ///
    /// The credentials of a request are compared in constant time. They can be read on the way, unless the connection is
    /// encrypted. A user or password that is empty or cannot be sent is an error at `build`.
    #[cfg(feature = "basic-auth")]
    pub fn basic_auth(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.users.push(User::new(user.into(), password.into()));
        self
    }

    /// Replaces all users.
    #[cfg(feature = "basic-auth")]
    pub(crate) fn only_basic_auth(mut self, user: &str, password: &str) -> Self {
        self.users.clear();
        self.basic_auth(user, password)
    }

    /// Allows requests from these addresses (`10.1.2.3`, `::1`) and networks (`10.0.0.0/8`) only; others get 403.
    /// Repeated calls add to the list.
    ///
    /// The check uses the address of the peer and ignores headers; behind a proxy, that is the address of the proxy. A
    /// router has to be served with
    /// [`into_make_service_with_connect_info::<SocketAddr>`](axum::Router::into_make_service_with_connect_info);
    /// otherwise every request is refused, and the first one is logged. An empty list is an error at `build`.
    pub fn allow<N: Into<String>>(mut self, networks: impl IntoIterator<Item = N>) -> Self {
        self.networks.get_or_insert_default().extend(networks.into_iter().map(Into::into));
        self
    }

    /// Replaces the list of networks.
    pub(crate) fn only_allow<'a>(mut self, networks: impl IntoIterator<Item = &'a str>) -> Self {
        self.networks = None;
        self.allow(networks)
    }

    /// Serves a separate address over TLS 1.2 or 1.3, with the certificate and the private key in these PEM files. They
    /// correspond to `cert_file` and `key_file` in Prometheus' `web.yml`.
    ///
    /// The file of the certificate has that of the server first, then those of intermediate authorities. The key is not
    /// encrypted; an ECDSA key costs the server less than an RSA key. The files are checked at `build`, and read again
    /// at most once a second while clients connect, so a renewed certificate needs no restart. If new contents are not
    /// valid, a warning is logged, and the previous certificate stays in use.
    ///
    /// The page and the health check are both served over TLS. In a router, TLS is the matter of the application's
    /// server, so [`Metrics::instrument`](crate::Metrics::instrument) returns an error if the page has these files and no
    /// separate address.
    ///
    /// ```no_run
    /// use metrics_runtime::{Metrics, http::Endpoint};
    ///
    /// let endpoint = Endpoint::new().token("s3cr3t").tls("/etc/tls/tls.crt", "/etc/tls/tls.key");
    /// let metrics = Metrics::builder().endpoint(endpoint).listen_on(([0, 0, 0, 0], 9464)).install()?;
    /// # Ok::<(), metrics_runtime::InstallError>(())
    /// ```
    #[cfg(feature = "tls")]
    pub fn tls(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.certificate = Some((certificate.into(), key.into()));
        self
    }

    /// Requires clients of a separate address to have a certificate that one of the authorities in this PEM file has
    /// signed, as `client_ca_file` with `RequireAndVerifyClientCert` in Prometheus' `web.yml`. Needs [`tls`](Self::tls).
    ///
    /// A client without one cannot connect, not even for the health check. The file is read again like those of `tls`.
    #[cfg(feature = "tls")]
    pub fn client_ca(mut self, authorities: impl Into<PathBuf>) -> Self {
        self.client_ca = Some(authorities.into());
        self
    }

    /// Permits `Metrics::serve` to use an address that other machines can reach, without a token, a user, allowed networks
    /// or client certificates. Anyone who can connect can read the page.
    pub const fn open_to_everyone(mut self) -> Self {
        self.open = true;
        self
    }

    /// Sets the time limit for collectors of the `prometheus` crate. A scraper with a shorter timeout in the header
    /// `X-Prometheus-Scrape-Timeout-Seconds` gets its page shortly before that timeout, without the collectors that have
    /// not answered. Only a missed deadline is counted in `metrics_runtime_scrape_errors_total`, so it should be shorter
    /// than the timeout of the scrapers. A deadline of 0 is an error at `build`.
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets whether an incomplete page is an error. If `true`, the response is 500 if a collector of the `prometheus`
    /// crate panics, has not answered in time or returns an invalid family, unless the request selects families by
    /// `name[]` and each name has one. If `false`, that collector's families are left out of the page.
    pub const fn strict(mut self, yes: bool) -> Self {
        self.strict = yes;
        self
    }

    /// Checks the settings and the TLS files, and returns the access control.
    pub(crate) fn access(&self) -> Result<Access, EndpointSettingError> {
        let access = self.check()?;
        #[cfg(feature = "tls")]
        let access = Access { tls: self.load_tls()?, ..access };
        Ok(access)
    }

    #[cfg(feature = "tls")]
    fn load_tls(&self) -> Result<Option<Arc<Tls>>, TlsError> {
        let (certificate, key) = match (self.certificate.clone(), self.client_ca.clone()) {
            (Some(files), _) => files,
            (None, Some(client_ca)) => return Err(TlsError::NoServerCertificate { client_ca }),
            (None, None) => return Ok(None),
        };
        Tls::load(TlsFiles { certificate, key, client_ca: self.client_ca.clone() }).map(|tls| Some(Arc::new(tls)))
    }

    /// Checks the settings without reading a file.
    pub(crate) fn check(&self) -> Result<Access, EndpointSettingError> {
        self.tokens.iter().try_for_each(Token::check)?;
        let networks = match &self.networks {
            Some(networks) if networks.is_empty() => return Err(EndpointSettingError::NoNetwork),
            Some(networks) => Some(networks.iter().map(|text| Network::parse(text)).collect::<Result<_, _>>()?),
            None => None,
        };
        if self.deadline.is_zero() {
            return Err(EndpointSettingError::Deadline);
        }
        Ok(Access {
            tokens: self.tokens.clone(),
            #[cfg(feature = "basic-auth")]
            users: self.users.iter().map(User::credentials).collect::<Result<_, _>>()?,
            networks,
            open: self.open,
            ..Access::default()
        })
    }

    pub(super) const fn time_limit(&self) -> Duration {
        self.deadline
    }

    pub(super) const fn is_strict(&self) -> bool {
        self.strict
    }
}
