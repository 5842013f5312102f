//! The metrics page in an axum router.

use std::panic::{AssertUnwindSafe, catch_unwind};

use axum::Router;
use axum::extract::MatchedPath;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE, VARY};

use super::layer::HttpLayer;
use super::path::{PathError, check_path};
use super::probe;
use crate::encode::Format;

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
}

crate::config::debug_as_display!(EndpointError);

/// Instruments every route of the router and its fallbacks, and mounts the metrics page at `path`.
///
/// The page is outside of the layer, so it does not count itself. A route with parameters or a wildcard, and a nested
/// service, may match the path as well: the router prefers the page, which is literal. A route of that very path is an
/// error, even one that answers another method only: a path is one resource, and its `405` would tell half of it.
pub(crate) fn instrument<F>(router: Router, layer: HttpLayer, path: &str, scrape: F) -> Result<Router, EndpointError>
where
    F: Fn(Format) -> String + Clone + Send + Sync + 'static,
{
    check_path(path)?;
    let taken = || EndpointError::PathTaken { path: path.to_owned() };
    if probe::route(&router, path).as_ref().map(MatchedPath::as_str) == Some(path) {
        return Err(taken());
    }
    let page = get(async move |headers: HeaderMap| respond(&headers, &scrape));
    // The router panics where two routes overlap. No case is known that the probe does not see; should there be one,
    // it is an error all the same.
    catch_unwind(AssertUnwindSafe(|| layer.install(router).route(path, page))).map_err(|_| taken())
}

/// The page in the format that the scraper prefers.
fn respond(headers: &HeaderMap, scrape: &impl Fn(Format) -> String) -> Response {
    // A list may be spread over several headers. What is no text names no format.
    let accepted: Vec<_> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let format = Format::negotiate(&accepted.join(","));
    ([(CONTENT_TYPE, format.content_type()), (VARY, "accept")], scrape(format)).into_response()
}
