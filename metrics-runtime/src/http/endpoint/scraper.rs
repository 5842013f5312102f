//! Responses to scrapes: access control, format and encoding.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{Method, Response, StatusCode};

use super::access::{Access, Decision};
use super::compression::Coding;
use super::filter::names;
use super::pages::Reader;
use super::response::{PageBody, PageParts, Scrape, error_response, page_response};
use super::settings::Endpoint;
use super::writer::{Failed, PageKind, Writer};
use crate::encode::Format;
use crate::metric::First;
use crate::registry::Registry;
use crate::schema::Naming;

/// The header with the seconds that Prometheus waits for the page.
const SCRAPE_TIMEOUT: HeaderName = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");

/// The number of times that a page is requested again, if it was taken away before its response began.
const RETRIES: usize = 2;

/// The endpoint of one registry: the state that all scrapes of its page share.
pub(crate) struct Scraper {
    registry: Registry,
    writer: Arc<Writer>,
    endpoint: Endpoint,
    access: Access,
    enabled: bool,
    no_peer_warning: First,
}

impl fmt::Debug for Scraper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scraper").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Scraper {
    pub(crate) fn new(registry: Registry, naming: Naming, endpoint: Endpoint, access: Access, enabled: bool) -> Self {
        if enabled {
            // Adds the metrics of the endpoint to the page before the first scrape.
            registry.scrapes();
        }
        let writer = Writer::new(registry.clone(), naming, endpoint.time_limit());
        Self { registry, writer, endpoint, access, enabled, no_peer_warning: First::new() }
    }

    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    #[cfg(feature = "serve")]
    pub(super) fn is_enabled(&self) -> bool {
        self.enabled
    }

    pub(crate) fn time_limit(&self) -> Duration {
        self.endpoint.time_limit()
    }

    /// Responds to one request. A request that is refused gathers nothing.
    pub(super) fn respond(
        self: Arc<Self>,
        request: &Parts,
        peer: Option<IpAddr>,
    ) -> impl Future<Output = Response<PageBody>> + Send + use<> {
        let scrape = Scrape::begin(&self.registry);
        let is_head = request.method == Method::HEAD;
        let admitted = self.admit(request, peer);
        let names = request.uri.query().and_then(names);
        let format = Format::negotiate(&list(&request.headers, &ACCEPT));
        let coding = match names {
            // Encoding the families that each request selects would be work without a limit.
            Some(_) => Coding::Identity,
            None => Coding::negotiate(&list(&request.headers, &ACCEPT_ENCODING)),
        };
        let kind = PageKind { format, coding, indexed: names.is_some() };
        let limit = time_limit(&request.headers, self.endpoint.time_limit());
        let page = admitted.map(|()| self.writer.request(kind, limit));
        async move {
            let mut page = match page {
                Ok(page) => page.await,
                Err((code, text)) => {
                    let mut response = error_response(scrape, code, text, is_head);
                    if code == StatusCode::UNAUTHORIZED {
                        let challenges = self.access.challenges().map(HeaderValue::from_static);
                        response.headers_mut().extend(challenges.map(|challenge| (WWW_AUTHENTICATE, challenge)));
                    }
                    return response;
                }
            };
            // A busy runtime may come back here so late that the page is gone, which is not the client's fault.
            for _ in 0..RETRIES {
                if page.as_ref().is_ok_and(Reader::is_taken) {
                    page = self.writer.request(kind, limit).await;
                }
            }
            let parts = page.map(|page| PageParts::new(page, names.as_ref()));
            match parts {
                Ok(parts) if parts.is_complete || !self.endpoint.is_strict() => {
                    page_response(scrape, format, parts, is_head)
                }
                Ok(_) | Err(Failed) => error_response(scrape, StatusCode::INTERNAL_SERVER_ERROR, FAILED, is_head),
            }
        }
    }

    fn admit(&self, request: &Parts, peer: Option<IpAddr>) -> Result<(), (StatusCode, &'static str)> {
        self.permit(request, peer)?;
        if request.method != Method::GET && request.method != Method::HEAD {
            return Err((StatusCode::METHOD_NOT_ALLOWED, "use GET or HEAD\n"));
        }
        Ok(())
    }

    /// Checks the access rules, and that metrics are switched on.
    pub(super) fn permit(&self, request: &Parts, peer: Option<IpAddr>) -> Result<(), (StatusCode, &'static str)> {
        let mut authorization = request.headers.get_all(AUTHORIZATION).iter();
        let only = authorization.next().filter(|_| authorization.next().is_none());
        self.decided(self.access.decide(peer, only.map(HeaderValue::as_bytes)))
    }

    /// Checks the allowed networks alone, and that metrics are switched on.
    pub(super) fn permit_peer(&self, peer: Option<IpAddr>) -> Result<(), (StatusCode, &'static str)> {
        self.decided(self.access.decide_peer(peer))
    }

    fn decided(&self, decision: Decision) -> Result<(), (StatusCode, &'static str)> {
        match decision {
            Decision::Allowed => {}
            Decision::Unauthorized => return Err((StatusCode::UNAUTHORIZED, "valid credentials are required\n")),
            Decision::Forbidden => return Err((StatusCode::FORBIDDEN, "this address is not allowed\n")),
            Decision::UnknownPeer => {
                if self.no_peer_warning.is_now() {
                    tracing::warn!(
                        "scrapes are refused, because the server does not provide the address of the peer; serve the \
                         router with `into_make_service_with_connect_info::<SocketAddr>()`, or the page with \
                         `Metrics::serve`"
                    );
                }
                return Err((StatusCode::FORBIDDEN, "this address is not allowed\n"));
            }
        }
        if !self.enabled {
            return Err((StatusCode::NOT_FOUND, "metrics are switched off\n"));
        }
        Ok(())
    }
}

const FAILED: &str = "the page could not be completed; see the log and metrics_runtime_scrape_errors_total\n";

/// Joins the values of a list header, which may be sent several times. Values that are not text are ignored.
fn list(headers: &HeaderMap, name: &HeaderName) -> String {
    let values: Vec<_> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    values.join(",")
}

/// Returns the time limit of a page: the deadline of the endpoint, or the scraper's timeout minus time for the response
/// (a quarter of the timeout, at most half a second), whichever is shorter. An invalid header is ignored.
fn time_limit(headers: &HeaderMap, deadline: Duration) -> Duration {
    let seconds = headers.get(SCRAPE_TIMEOUT).and_then(|value| value.to_str().ok()?.trim().parse::<f64>().ok());
    match seconds.map(Duration::try_from_secs_f64) {
        Some(Ok(timeout)) if !timeout.is_zero() => {
            let response = (timeout / 4).min(Duration::from_millis(500));
            timeout.saturating_sub(response).min(deadline)
        }
        _ => deadline,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timeout_of_the_scraper_limits_the_time_for_the_page() {
        let deadline = Duration::from_secs(10);
        for (header, millis) in [
            ("1", 750),
            ("10", 9_500),
            ("10.5", 10_000),
            ("0.4", 300),
            ("100", 10_000),
            ("1e300", 10_000),
            ("inf", 10_000),
            ("NaN", 10_000),
            ("0", 10_000),
            ("-1", 10_000),
            ("soon", 10_000),
            ("", 10_000),
        ] {
            let headers = HeaderMap::from_iter([(SCRAPE_TIMEOUT, header.parse().expect("a value"))]);
            assert_eq!(time_limit(&headers, deadline), Duration::from_millis(millis), "{header}");
        }
        assert_eq!(time_limit(&HeaderMap::new(), deadline), deadline);
    }
}
