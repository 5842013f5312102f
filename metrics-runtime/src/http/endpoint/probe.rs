//! Which route a router would take, found out without running anything of the application.

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

/// The route that would be taken for this path.
///
/// A router does not tell its routes. But every one of them can be replaced by a service that tells how it was reached.
pub(super) fn route(router: &Router, path: &str) -> Option<MatchedPath> {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = path.parse().ok()?;
    let mut router = router.clone().layer(Probe);
    let response = pin!(Service::call(&mut router, request));
    match response.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(mut response)) => response.extensions_mut().remove(),
        // There is nothing a probe would wait for.
        Poll::Pending => None,
    }
}

/// Puts itself in the place of every handler and service, the fallback and "method not allowed" included.
#[derive(Clone, Copy)]
struct Probe;

impl<S> Layer<S> for Probe {
    type Service = Self;

    fn layer(&self, _: S) -> Self {
        Self
    }
}

impl Service<Request> for Probe {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let mut response = Response::default();
        if let Some(route) = request.extensions_mut().remove::<MatchedPath>() {
            response.extensions_mut().insert(route);
        }
        ready(Ok(response))
    }
}
