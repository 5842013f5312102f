//! Mounting the page in an axum router.

use axum::Router;
use axum::extract::MatchedPath;
use axum::routing::any_service;

use super::probe;
use super::service::EndpointService;
use crate::contained::contained;
use crate::http::middleware::HttpLayer;

/// An error of [`Metrics::instrument`](crate::Metrics::instrument).
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The application has a route or a nested service that serves this path, for at least one method.
    #[error(
        "the application serves `{path}`, the path of the metrics page, {}; set another path for the page (METRICS_PATH), \
         move the route, or, if it serves all other paths, make it the fallback",
        by(.route.as_deref())
    )]
    #[non_exhaustive]
    PathTaken {
        /// The path.
        path: String,
        /// The route that serves it, such as `/files/{*path}`, or `None` for a nested service.
        route: Option<String>,
    },
    /// The page is to be served over TLS, but it has no separate address.
    #[cfg(feature = "tls")]
    #[error(
        "the metrics page has TLS files, which only its separate address uses; set the address (METRICS_LISTEN; \
         `Builder::listen_on`) and call `Metrics::listen` before `Metrics::instrument`, or remove the files \
         (METRICS_TLS_CERT_FILE, METRICS_TLS_KEY_FILE; `Endpoint::tls`)"
    )]
    TlsInRouter,
    /// The page has a separate address, and no server listens on it yet.
    #[error(
        "the metrics page has the address {address} (METRICS_LISTEN), but no server listens on it; call `Metrics::listen` \
         before `Metrics::instrument`"
    )]
    #[non_exhaustive]
    NotListening {
        /// The address.
        address: std::net::SocketAddr,
    },
}

crate::error::debug_as_display!(EndpointError);

/// Returns `true` if the router has exactly this route.
pub(crate) fn has_route(router: &Router, route: &str) -> bool {
    probe::route(router, route).is_some_and(|matched| matched.route.as_ref().map(MatchedPath::as_str) == Some(route))
}

fn by(route: Option<&str>) -> String {
    route.map_or_else(|| "with a nested service".to_owned(), |route| format!("with its route `{route}`"))
}

/// Adds the layer to all routes of the router and its fallbacks, and mounts the metrics page at `path`, which has been
/// [checked](super::check_path).
///
/// The page is outside the layer, so scrapes are not recorded as requests. A route that matches the path is an error.
/// The router would prefer the page to a route with parameters or a wildcard, because its path is literal, and the page
/// would hide a resource of the application. This includes routes for other methods: the path is one resource, and the
/// `Allow` header of a `405` could list only some of its methods. Only fallbacks may serve the path.
pub(crate) fn instrument(
    router: Router,
    layer: HttpLayer,
    path: &str,
    page: EndpointService,
) -> Result<Router, EndpointError> {
    let taken = |route| EndpointError::PathTaken { path: path.to_owned(), route };
    if let Some(matched) = probe::route(&router, path) {
        return Err(taken(matched.route.map(|route| route.as_str().to_owned())));
    }
    // The page takes all methods, so that it checks the access before the method, and counts every response.
    let page = any_service(page);
    // The router panics if two routes overlap. The probe finds all known cases; any other one becomes an error here.
    contained(|| layer.install(router).route(path, page)).ok_or_else(|| taken(Some(path.to_owned())))
}
