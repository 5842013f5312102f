//! Mounting the page in an axum router.

use axum::Router;
use axum::extract::MatchedPath;
use axum::routing::get_service;

use super::probe;
use super::service::EndpointService;
use crate::contained::contained;
use crate::http::middleware::HttpLayer;

/// An error of [`Metrics::instrument`](crate::Metrics::instrument).
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The application has a route with this path, for at least one method.
    #[error(
        "the application already has a route at `{path}`, the path of the metrics page; set another path for the page \
         (METRICS_PATH), or move the route"
    )]
    #[non_exhaustive]
    PathTaken {
        /// The path.
        path: String,
    },
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
    probe::route(router, route).as_ref().map(MatchedPath::as_str) == Some(route)
}

/// Adds the layer to all routes of the router and its fallbacks, and mounts the metrics page at `path`, which has been
/// [checked](super::check_path).
///
/// The page is outside the layer, so scrapes are not recorded as requests. A route with parameters or a wildcard, or a
/// nested service, may match the path too: the router prefers the page, because its path is literal. A route with
/// exactly this path is an error, even for another method: the path is one resource, and the `Allow` header of a `405`
/// could list only some of its methods.
pub(crate) fn instrument(
    router: Router,
    layer: HttpLayer,
    path: &str,
    page: EndpointService,
) -> Result<Router, EndpointError> {
    let taken = || EndpointError::PathTaken { path: path.to_owned() };
    if has_route(&router, path) {
        return Err(taken());
    }
    // The router responds to other methods than GET and HEAD, with the application's own fallback.
    let page = get_service(page);
    // The router panics if two routes overlap. The probe finds all known cases; any other one becomes an error here.
    contained(|| layer.install(router).route(path, page)).ok_or_else(taken)
}
