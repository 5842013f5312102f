//! How the page is served: the settings, and the service that they make.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::ConnectInfo;
use http::{Request, Response};
use tower_service::Service;

use super::access::{Access, EndpointSettingError, Network, Token};
use super::coalesce::Scraper;
use super::response::PageBody;

/// How the page is served, whether by the application's router ([`Metrics::instrument`](crate::Metrics::instrument)) or
/// on an address of its own (`Metrics::serve`).
///
/// | setting | unless set |
/// |---|---|
/// | [`token`](Self::token), [`allow`](Self::allow) | everybody may have the page, on the loopback address or in a router |
/// | [`limit`](Self::limit) | 40 scrapes at a time |
/// | [`deadline`](Self::deadline) | 10 s |
/// | [`strict`](Self::strict) | what foreign collectors do not deliver is left out |
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
    networks: Option<Vec<String>>,
    open: bool,
    limit: usize,
    deadline: Duration,
    strict: bool,
}

impl Default for Endpoint {
    fn default() -> Self {
        Self::new()
    }
}

impl Endpoint {
    /// The settings in the table above.
    pub const fn new() -> Self {
        let deadline = Duration::from_secs(10);
        Self { tokens: Vec::new(), networks: None, open: false, limit: 40, deadline, strict: false }
    }

    /// Asks for `Authorization: Bearer token`, else the answer is 401. Called again, it takes the other token as well,
    /// so that one can be replaced by another while scrapers still have the old one.
    ///
    /// The comparison takes the same time wherever two tokens of one length begin to differ. An empty token is an error
    /// at `build`, and never means that there is none.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.tokens.push(Token::new(token.into()));
        self
    }

    /// In place of all others.
    pub(crate) fn only_token(mut self, token: String) -> Self {
        self.tokens.clear();
        self.token(token)
    }

    /// Answers 403 to requests from elsewhere than these addresses (`10.1.2.3`, `::1`) and networks (`10.0.0.0/8`).
    ///
    /// What counts is the address of the peer, whatever headers say; behind a proxy that is the proxy. A router knows it
    /// where it is served with
    /// [`into_make_service_with_connect_info::<SocketAddr>`](axum::Router::into_make_service_with_connect_info);
    /// without it, every request is refused, and the first one is logged. A list without an entry is an error at `build`.
    pub fn allow<N: Into<String>>(mut self, networks: impl IntoIterator<Item = N>) -> Self {
        self.networks.get_or_insert_default().extend(networks.into_iter().map(Into::into));
        self
    }

    /// In place of all others.
    pub(crate) fn only_allow<'a>(mut self, networks: impl IntoIterator<Item = &'a str>) -> Self {
        self.networks = None;
        self.allow(networks)
    }

    /// Lets `Metrics::serve` listen where others than this machine can reach it, with neither token nor list: whoever
    /// can connect has the page.
    pub const fn open_to_everyone(mut self) -> Self {
        self.open = true;
        self
    }

    /// How many scrapes may be under way at a time, from the request to the end of the page. One more is answered with
    /// 503 and `Retry-After`. At least 1, else it is an error at `build`.
    pub const fn limit(mut self, scrapes: usize) -> Self {
        self.limit = scrapes;
        self
    }

    /// How long a page waits for foreign collectors. A scraper that has less time, by the header
    /// `X-Prometheus-Scrape-Timeout-Seconds`, gets its page a little before that time is over. More than 0, else it is
    /// an error at `build`.
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Whether a page that is not whole is no page: where a foreign collector panics, does not answer in time or says
    /// what no page can have, the answer is 500. Otherwise its families are left out and the others served.
    pub const fn strict(mut self, yes: bool) -> Self {
        self.strict = yes;
        self
    }

    /// Who may have the page, if all settings are ones that can be followed.
    pub(crate) fn check(&self) -> Result<Access, EndpointSettingError> {
        self.tokens.iter().try_for_each(Token::check)?;
        let networks = match &self.networks {
            Some(networks) if networks.is_empty() => return Err(EndpointSettingError::NoNetwork),
            Some(networks) => Some(networks.iter().map(|text| Network::parse(text)).collect::<Result<_, _>>()?),
            None => None,
        };
        if self.limit == 0 {
            return Err(EndpointSettingError::Limit);
        }
        if self.deadline.is_zero() {
            return Err(EndpointSettingError::Deadline);
        }
        Ok(Access { tokens: self.tokens.clone(), networks })
    }

    #[cfg(feature = "serve")]
    pub(crate) const fn is_open(&self) -> bool {
        self.open
    }

    pub(crate) const fn most_scrapes(&self) -> usize {
        self.limit
    }

    pub(crate) const fn longest(&self) -> Duration {
        self.deadline
    }

    pub(crate) const fn is_strict(&self) -> bool {
        self.strict
    }
}

/// The page as a service, made by [`Metrics::endpoint`](crate::Metrics::endpoint), for a place that
/// [`Metrics::instrument`](crate::Metrics::instrument) does not know. It answers whatever path it is asked for. Cheap to
/// clone: clones are one endpoint, with one limit.
///
/// ```
/// use axum::Router;
/// use metrics_runtime::{Metrics, Registry};
///
/// let metrics = Metrics::builder().registry(&Registry::new()).build()?;
/// let internal: Router = Router::new().route_service("/internal/metrics", metrics.endpoint());
/// # Ok::<(), metrics_runtime::InstallError>(())
/// ```
#[derive(Clone, Debug)]
pub struct EndpointService {
    scraper: Arc<Scraper>,
}

impl EndpointService {
    pub(crate) fn new(scraper: Arc<Scraper>) -> Self {
        Self { scraper }
    }
}

impl<B> Service<Request<B>> for EndpointService {
    type Response = Response<PageBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (parts, _) = request.into_parts();
        let answer = Arc::clone(&self.scraper).answer(&parts, peer(&parts));
        Box::pin(async { Ok(answer.await) })
    }
}

/// Where the request comes from, if the server says so.
fn peer(parts: &http::request::Parts) -> Option<IpAddr> {
    parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip())
}
