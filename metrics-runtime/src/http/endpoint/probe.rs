//! The route that a router takes for a path, found without calling a handler of the application.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;

use crate::http::middleware::{Matched, RouteProbe};

/// Returns the route that the router takes for this path, or `None` if only a fallback serves it.
///
/// A router does not list its routes, but a layer can replace all of them with a service that returns the matched
/// route.
pub(super) fn route(router: &Router, path: &str) -> Option<Matched> {
    if !router.has_routes() {
        return None;
    }
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = path.parse().ok()?;
    // The first layer also replaces fallbacks, and the second one does not.
    let probes = router.clone().layer(RouteProbe { is_route: false }).route_layer(RouteProbe { is_route: true });
    RouteProbe::ask(probes, request)
}
