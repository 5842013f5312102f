//! The viewers that may look.

use std::net::IpAddr;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Response, StatusCode, Uri};
use metrics_runtime::http::AccessRules;

/// Headers of proxies, behind which every client has the address of the proxy.
const FORWARDED: [HeaderName; 3] = [
    HeaderName::from_static("forwarded"),
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-real-ip"),
];

const LOCAL_ONLY: &str = "the live page is served to this machine only, because the metrics page has no access control; \
    open it as http://127.0.0.1 or http://localhost, without a proxy, or set a token or allowed networks \
    (METRICS_TOKEN, METRICS_ALLOW; `Endpoint::token`, `Endpoint::allow`)\n";

const UNKNOWN_PEER: &str = "the live page is served to this machine only, and the server does not provide the address of \
    the peer; serve the router with `into_make_service_with_connect_info::<SocketAddr>()`, or set a token or allowed \
    networks (METRICS_TOKEN, METRICS_ALLOW; `Endpoint::token`, `Endpoint::allow`)\n";

/// The part of the page that a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Text and programs that are the same for every service.
    Shell,
    /// Metrics.
    Data,
}

/// Returns the response if the request is refused.
pub(crate) fn check(rules: &AccessRules, request: &Parts, part: Part) -> Result<(), Box<Response<Body>>> {
    let checked = match part {
        Part::Shell => rules.check_peer(request),
        Part::Data => rules.check(request),
    };
    checked.map_err(|refused| Box::new(refused.response()))?;
    if rules.are_set() {
        return Ok(());
    }
    let reason = match AccessRules::peer(request) {
        None => UNKNOWN_PEER,
        Some(peer) if peer.to_canonical().is_loopback() && is_direct(request) => return Ok(()),
        Some(_) => LOCAL_ONLY,
    };
    Err(Box::new(text(StatusCode::FORBIDDEN, reason)))
}

/// Returns `true` if a browser of this machine asked for a name of this machine: a name that a stranger controls may lead
/// to a loopback address too.
fn is_direct(request: &Parts) -> bool {
    let mut hosts = request.headers.get_all(HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok()?.parse::<Uri>().ok());
    let host = host.as_ref().unwrap_or(&request.uri).host().unwrap_or_default();
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let is_forwarded = FORWARDED.iter().any(|name| request.headers.contains_key(name));
    is_loopback && !is_forwarded && hosts.next().is_none()
}

/// Returns a response with a line of text.
pub(crate) fn text(status: StatusCode, text: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
