//! The page in an axum router.

use std::panic::{AssertUnwindSafe, catch_unwind};

use axum::Router;
use axum::extract::MatchedPath;
use axum::routing::get_service;

use super::path::{PathError, check_path};
use super::probe;
use super::settings::EndpointService;
use crate::http::middleware::HttpLayer;

/// Why the metrics page cannot be mounted.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// It cannot have this path.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A route of the application has this path, for one method at least.
    #[error(
        "the application already serves `{path}`, the path of the metrics page; give the page another one \
         (METRICS_PATH), or move that route"
    )]
    #[non_exhaustive]
    PathTaken {
        /// The path.
        path: String,
    },
    /// The page is to have an address of its own, and nothing listens there yet.
    #[error(
        "the metrics page is to be served on {address} (METRICS_LISTEN) and nowhere else, and nothing listens there; \
         call `Metrics::listen` before `Metrics::instrument`"
    )]
    #[non_exhaustive]
    NotListening {
        /// The address.
        address: std::net::SocketAddr,
    },
}

crate::error::debug_as_display!(EndpointError);

/// Instruments every route of the router and its fallbacks, and mounts the metrics page at `path`.
///
/// The page is outside of the layer, so it does not count itself. A route with parameters or a wildcard, and a nested
/// service, may match the path as well: the router prefers the page, which is literal. A route of that very path is an
/// error, even one that answers another method only: a path is one resource, and its `405` would tell half of it.
pub(crate) fn instrument(
    router: Router,
    layer: HttpLayer,
    path: &str,
    page: EndpointService,
) -> Result<Router, EndpointError> {
    check_path(path)?;
    let taken = || EndpointError::PathTaken { path: path.to_owned() };
    if probe::route(&router, path).as_ref().map(MatchedPath::as_str) == Some(path) {
        return Err(taken());
    }
    // Other methods than GET and HEAD are the router's to refuse, in the application's own words.
    let page = get_service(page);
    // The router panics where two routes overlap. No case is known that the probe does not see; should there be one,
    // it is an error all the same.
    catch_unwind(AssertUnwindSafe(|| layer.install(router).route(path, page))).map_err(|_| taken())
}
