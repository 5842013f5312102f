//! The route that a router takes for a path, found without calling a handler of the application.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use tower_layer::Layer;
use tower_service::Service;

/// A route that serves a path.
#[derive(Clone)]
pub(super) struct Matched {
    /// The route, or `None` for a nested service.
    pub(super) route: Option<String>,
}

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
    let mut router = router.clone().layer(RouteProbe { is_route: false }).route_layer(RouteProbe { is_route: true });
    let response = pin!(Service::call(&mut router, request));
    match response.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(mut response)) => response.extensions_mut().remove(),
        // Never pending: the probe is ready at once.
        Poll::Pending => None,
    }
}

/// A layer and service that replaces every handler and service, including "method not allowed".
#[derive(Clone, Copy)]
struct RouteProbe {
    is_route: bool,
}

impl<S> Layer<S> for RouteProbe {
    type Service = Self;

    fn layer(&self, _: S) -> Self {
        *self
    }
}

impl Service<Request> for RouteProbe {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let mut response = Response::default();
        if self.is_route {
            let route = request.extensions_mut().remove::<MatchedPath>().map(|route| route.as_str().to_owned());
            response.extensions_mut().insert(Matched { route });
        }
        ready(Ok(response))
    }
}
