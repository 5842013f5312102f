//! The access rules of the page, for other pages about the same metrics.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::header::{CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{Response, StatusCode};

use super::scraper::Scraper;
use super::service::peer;

/// The access rules of the metrics page: tokens, users and allowed networks. Created by
/// [`Metrics::access_rules`](crate::Metrics::access_rules), for other pages about the same metrics. Cheap to clone.
///
/// ```
/// use metrics_runtime::{Metrics, Registry, http::Endpoint};
///
/// let endpoint = Endpoint::new().token("s3cr3t");
/// let rules = Metrics::builder().registry(&Registry::new()).endpoint(endpoint).build()?.access_rules();
///
/// let request = |token| axum::http::Request::builder().header("authorization", token).body(());
/// let (right, _) = request("Bearer s3cr3t")?.into_parts();
/// let (wrong, _) = request("Bearer guess")?.into_parts();
/// assert!(rules.check(&right).is_ok());
/// assert_eq!(rules.check(&wrong).unwrap_err().status(), 401);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct AccessRules {
    scraper: Arc<Scraper>,
}

/// A request that the rules refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    status: StatusCode,
    reason: &'static str,
    challenges: Vec<&'static str>,
}

impl fmt::Debug for AccessRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessRules").finish_non_exhaustive()
    }
}

impl AccessRules {
    pub(crate) fn new(scraper: Arc<Scraper>) -> Self {
        Self { scraper }
    }

    /// Returns `true` if the page requires credentials or allows certain networks only, or if it is
    /// [open to everyone](super::Endpoint::open_to_everyone). Otherwise [`check`](Self::check) accepts all requests.
    #[must_use]
    pub fn are_set(&self) -> bool {
        self.scraper.access().is_set()
    }

    /// Checks the address of the peer and the credentials of a request.
    ///
    /// # Errors
    /// Returns the response if the request may not read the metrics, or if they are switched off.
    pub fn check(&self, request: &Parts) -> Result<(), Refused> {
        self.scraper.permit(request, peer(request)).map_err(|refused| self.refused(refused))
    }

    /// Checks only the address of the peer, for a page without data that asks for the credentials.
    ///
    /// # Errors
    /// Returns the response if the address is not allowed, or if metrics are switched off.
    pub fn check_peer(&self, request: &Parts) -> Result<(), Refused> {
        self.scraper.permit_peer(peer(request)).map_err(|refused| self.refused(refused))
    }

    /// Returns the address of the peer, if the server provides it.
    #[must_use]
    pub fn peer(request: &Parts) -> Option<IpAddr> {
        peer(request)
    }

    fn refused(&self, (status, reason): (StatusCode, &'static str)) -> Refused {
        let is_unauthorized = status == StatusCode::UNAUTHORIZED;
        let challenges = self.scraper.access().challenges().filter(|_| is_unauthorized).collect();
        Refused { status, reason, challenges }
    }
}

impl Refused {
    /// Returns the status of the response.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the response: a line of text, with the header `WWW-Authenticate` if credentials are missing.
    pub fn response<B: From<&'static str>>(&self) -> Response<B> {
        let mut response = Response::new(B::from(self.reason));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.extend(self.challenges.iter().map(|text| (WWW_AUTHENTICATE, HeaderValue::from_static(text))));
        response
    }
}
